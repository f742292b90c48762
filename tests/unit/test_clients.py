from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading

import pytest
from pydantic import SecretStr

from mdstream.clients import PerProcess
from mdstream.config import InfluxSettings, KafkaSettings, RedisSettings, Settings, TimescaleSettings
from mdstream.errors import InvalidInputError
from mdstream.schemas import BAR, DEAD_LETTER, STORED_TICK, TICK
from mdstream.stores import (
    InfluxSink,
    KafkaSink,
    MemorySink,
    RedisSink,
    Sink,
    TimescaleSink,
)

SINKS: list[Sink] = [
    InfluxSink(InfluxSettings(), BAR),
    KafkaSink(KafkaSettings(), TICK),
    MemorySink("pickled"),
    RedisSink(RedisSettings(), BAR),
    RedisSink(RedisSettings(), Settings().indicator_record),
    RedisSink(RedisSettings(), STORED_TICK),
    TimescaleSink(TimescaleSettings(), STORED_TICK),
]


@pytest.mark.parametrize("sink", SINKS, ids=lambda sink: type(sink).__name__)
def test_a_sink_is_a_value_that_travels(sink: Sink) -> None:
    copy = pickle.loads(pickle.dumps(sink))  # noqa: S301 - our own
    assert copy == sink
    assert hash(copy) == hash(sink)


def test_a_sink_does_not_show_its_password() -> None:
    secret = SecretStr("hunter2")
    redis = RedisSettings(password=secret)
    for sink in (
        RedisSink(redis, BAR),
        RedisSink(redis, STORED_TICK),
        TimescaleSink(TimescaleSettings(password=secret), BAR),
        InfluxSink(InfluxSettings(token=secret), BAR),
    ):
        assert "hunter2" not in repr(sink)


def test_a_record_without_a_table_has_no_table_to_go_to() -> None:
    with pytest.raises(InvalidInputError, match="a tick is not stored in a table"):
        TimescaleSink(TimescaleSettings(), TICK)
    with pytest.raises(InvalidInputError, match="a stored tick does not travel through Kafka"):
        KafkaSink(KafkaSettings(), STORED_TICK)
    assert KafkaSink(KafkaSettings(), DEAD_LETTER).record is DEAD_LETTER


def test_sinks_work_without_spark() -> None:
    program = "import sys, mdstream.stores; sys.exit('pyspark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


class TestPerProcess:
    def test_one_client_an_address_however_many_threads_ask(self) -> None:
        opened: list[str] = []
        start = threading.Barrier(8)

        def open_client(address: str) -> object:
            opened.append(address)
            return object()

        clients: PerProcess[str, object] = PerProcess(open_client)
        found: list[object] = []

        def ask() -> None:
            start.wait()
            found.append(clients.get("a"))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert opened == ["a"]
        assert len(set(map(id, found))) == 1
        assert clients.get("b") is not found[0]

    def test_another_process_opens_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clients: PerProcess[str, object] = PerProcess(lambda _: object())
        ours = clients.get("a")
        own_id = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: own_id + 1)
        assert clients.get("a") is not ours
        monkeypatch.setattr(os, "getpid", lambda: own_id)
        assert clients.get("a") is ours

    def test_a_client_is_discarded_once(self) -> None:
        clients: PerProcess[str, object] = PerProcess(lambda _: object())
        broken = clients.get("a")
        clients.discard("a", broken)
        replacement = clients.get("a")
        assert replacement is not broken
        clients.discard("a", broken)
        assert clients.get("a") is replacement
