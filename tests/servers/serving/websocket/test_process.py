"""The process itself: how it starts and stops, and Kafka that comes later, goes and returns."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import connect

from mdstream.config import KafkaSettings, Settings
from mdstream.embedded import LocalKafka
from mdstream.kafka.topics import create_topics, plan_topics
from tests.servers.serving.websocket.running import (
    ANSWER_SECONDS,
    COMMAND,
    START_SECONDS,
    Exchange,
    is_ready,
    ready,
    running,
)
from tests.waiting import errors_until_end, until


def test_kafka_comes_later_goes_and_returns(tmp_path: Path) -> None:
    kafka = LocalKafka()
    with running(kafka.bootstrap_servers, tmp_path) as server, server.client() as client:
        assert client.hear()["kafka"] == "down"
        client.say(type="subscribe", symbols=["AAPL"])
        assert client.hear_until("subscribed")
        assert not is_ready(server)
        with kafka:
            assert client.hear_until("status")["kafka"] == "up"
            settings = Settings(kafka=KafkaSettings(bootstrap_servers=kafka.bootstrap_servers))
            create_topics(settings.kafka, plan_topics(settings))
            exchange = Exchange(kafka.bootstrap_servers)
            exchange.trade("AAPL")
            first = [client.hear(), client.hear()]
            until(lambda: is_ready(server), START_SECONDS)

            kafka.stop()
            down = client.hear_until("status")
            assert server.get("/health/ready").status_code == 503
            assert server.metric("websocket_kafka_up") == 0
            kafka.start()
            up = client.hear_until("status")
            exchange.trade("AAPL")
            heard = [client.hear(), client.hear()]
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosedOK) as goodbye:
            client.hear_until("nothing")
        errors = errors_until_end(server.process, 30)

    assert down["kafka"] == "down"
    assert str(kafka.port) not in down["message"]
    assert up["kafka"] == "up"
    # Nothing is lost, and nothing comes twice.
    assert {(message["type"], message["sequence"]) for message in first} == {("tick", 1), ("bar", 1)}
    assert {(message["type"], message["sequence"]) for message in heard} == {("tick", 2), ("bar", 2)}
    assert goodbye.value.rcvd is not None
    assert goodbye.value.rcvd.code == 1001
    assert server.process.returncode == 0
    assert "Traceback" not in errors


def test_stops_when_told_to(servers: str, tmp_path: Path) -> None:
    with ready(servers, tmp_path) as server, connect(server.url, proxy=None) as client:
        # One that never began does not hold it up.
        silent = socket.create_connection(("127.0.0.1", server.port))
        server.process.send_signal(signal.SIGINT)
        with pytest.raises(ConnectionClosedOK):
            client.recv(ANSWER_SECONDS)
        errors = errors_until_end(server.process, 30)
        silent.close()

    assert (server.process.returncode, errors) == (0, "")


def test_listens_on_the_local_address_only_and_says_where_a_port_is_taken(servers: str, tmp_path: Path) -> None:
    with running(servers, tmp_path) as server:
        until(lambda: server.get("/health/live").status_code == 200)
        listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
        command = [*COMMAND, "--port", str(server.port)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    local = [line.split()[1] for line in listening if line.split()[3] == "0A"]
    assert [address for address in local if address.endswith(f":{server.port:04X}")] == [f"0100007F:{server.port:04X}"]
    assert (done.returncode, done.stdout) == (1, "")
    assert re.match(rf"error: cannot listen on 127\.0\.0\.1:{server.port}: Address already in use; ", done.stderr)
