"""`mdstream ingest`, `replay` and `topics` as processes, on a broker of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from mdstream.config import Settings
from mdstream.embedded import LocalKafka
from mdstream.kafka.topics import describe_topics, plan_topics
from tests.servers.feeds.consuming import record_count, settings_of, values
from tests.waiting import until

pytestmark = pytest.mark.servers

COMMAND = [sys.executable, "-c", "from mdstream.cli import main; main()"]
GOOD = {"symbol": "AAPL", "price": 1.5, "size": 100, "event_time": 1_381_154_400_464_123}


@pytest.fixture(scope="module")
def own_broker() -> Iterator[LocalKafka]:
    with LocalKafka() as server:
        yield server


@pytest.fixture
def broker(own_broker: LocalKafka) -> Iterator[LocalKafka]:
    """A running broker without topics, which the test may kill."""
    own_broker.start()
    yield own_broker
    own_broker.start()
    settings = settings_of(own_broker)
    names = [plan.name for plan in plan_topics(Settings(kafka=settings))]
    topics = [state.name for state in describe_topics(settings, names)]
    with KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers) as admin:
        admin.delete_topics(topics)
    until(lambda: not describe_topics(settings, topics))


def start(broker: LocalKafka, folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "MDSTREAM_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        **variables,
    }
    return subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


def read_until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    assert any(text in line for line in process.stderr), f"the process ended without saying {text}"


def counts_in(output: str) -> tuple[int, int, int]:
    match = re.search(r"([\d,]+) ticks sent, ([\d,]+) acknowledged by Kafka, ([\d,]+) dead letters", output)
    assert match, output
    sent, acknowledged, dead = (int(number.replace(",", "")) for number in match.groups())
    return sent, acknowledged, dead


def test_bad_input_of_every_kind_is_kept_with_its_reason(broker: LocalKafka, tmp_path: Path) -> None:
    def changed(**fields: object) -> str:
        return json.dumps({**GOOD, **fields})

    bad = {
        "garbage": "not JSON",
        '{"symbol":"AAPL","price":1.5}': "size missing",
        changed(symbol=None): "symbol missing",
        changed(price=-1): "price not positive: -1.0",
        changed(price=float("nan")): "price not finite: nan",
        changed(size=0): "size not positive: 0.0",
        changed(event_time=0): "event_time before 1990-01-01: 1970-01-01T00:00:00+00:00",
        changed(event_time=4_102_444_800_000_000): "event_time too far ahead of ingest_time: 2100-01-01T00:00:00+00:00",
        changed(symbol="A\x07"): "symbol malformed: A\x07",
        changed(trade_id="x" * 1_000_000): "payload longer than 65536 bytes: 1000093",
    }
    path = tmp_path / "ticks.jsonl"
    path.write_text("\n".join(line for part in bad for line in (part, changed())))
    code, output, errors = finish(start(broker, tmp_path, "replay", str(path), "--speed", "max"))
    assert code == 0, errors
    assert counts_in(output) == (len(bad), len(bad), len(bad))
    topics = "tick_data, quote_data, aggregated_data, technical_indicators, anomalies, predictions, dead_letter"
    assert f"created the topics {topics}" in errors
    letters = values(settings_of(broker), "dead_letter")
    found = {letter["payload"]: letter["reason"] for letter in letters}
    assert found.pop("garbage").startswith("not JSON: ")
    assert found == {payload: reason for payload, reason in bad.items() if payload != "garbage"}
    assert record_count(settings_of(broker), "tick_data") == len(bad)
    for line in ("1 × price not positive", "1 × not JSON", "1 × payload longer than 65536 bytes"):
        assert line in output

    code, output, _ = finish(start(broker, tmp_path, "topics", "list", COLUMNS="120"))
    assert code == 0
    assert re.search(r"tick_data .* 2 .* 1 .* 10 ", output), output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_stops_reading_and_sends_what_was_read(
    broker: LocalKafka, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(broker, tmp_path, "ingest", "--feed", "synthetic", "--symbols", "20", "--rate", "5000")
    settings = settings_of(broker)
    try:
        until(lambda: _records(broker) > 5000)
        process.send_signal(number)
        code, output, errors = finish(process)
    finally:
        process.kill()
    assert code == 0, errors
    sent, acknowledged, dead = counts_in(output)
    assert sent == acknowledged == record_count(settings, "tick_data")
    assert sent > 5000
    assert dead == 0
    assert len({value["symbol"] for value in values(settings, "tick_data")}) == 20


def _records(broker: LocalKafka) -> int:
    return sum(state.records for state in describe_topics(settings_of(broker), ["tick_data"]))


def test_a_broker_that_stays_away_is_an_error_with_its_reason(broker: LocalKafka, tmp_path: Path) -> None:
    process = start(
        broker, tmp_path, "ingest", "--feed", "synthetic", "--rate", "100", MDSTREAM_KAFKA__DELIVERY_TIMEOUT_SECONDS="2"
    )
    try:
        until(lambda: _records(broker) > 0)
        broker.kill()
        code, output, errors = finish(process)
    finally:
        process.kill()
    sent, acknowledged, _ = counts_in(output)
    assert code == 1
    assert 0 < acknowledged < sent
    assert "did not take a record for tick_data: Local: Message timed out" in errors
    assert "Traceback" not in errors


def test_a_second_signal_gives_up_on_what_is_not_acknowledged(broker: LocalKafka, tmp_path: Path) -> None:
    process = start(broker, tmp_path, "--verbose", "ingest", "--feed", "synthetic", "--rate", "1000")
    try:
        until(lambda: _records(broker) > 0)
        broker.kill()
        read_until(process, "does not answer")
        process.send_signal(signal.SIGTERM)
        read_until(process, "SIGTERM: stopping")
        process.send_signal(signal.SIGTERM)
        code, output, errors = finish(process)
    finally:
        process.kill()
    sent, acknowledged, _ = counts_in(output)
    assert code == 1, errors
    assert acknowledged < sent
    assert "stopped before Kafka had everything" in errors


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("symbol,price\nAAPL,1\n", (), "has no column size, event_time; found: symbol, price"),
        ("symbol,price,size,event_time\nAAPL,-1,1,2013-10-07\n", (), "nothing of the input was usable"),
        ("symbol,price,size,event_time\n", ("--speed", "fast"), "speed 'fast' is not a positive number"),
    ],
)
def test_input_that_is_no_use_is_an_error(
    broker: LocalKafka, tmp_path: Path, content: str, arguments: tuple[str, ...], message: str
) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text(content)
    code, _, errors = finish(start(broker, tmp_path, "replay", str(path), *arguments))
    assert code == 1
    assert message in errors
    assert "Traceback" not in errors


def test_no_broker_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "ticks.csv").write_text("symbol,price,size,event_time\n")
    code, _, errors = finish(start(LocalKafka(), tmp_path, "replay", "ticks.csv"))
    assert code == 1
    assert errors.startswith("error: Kafka cannot be reached (127.0.0.1:")
    assert len(errors.splitlines()) == 1
