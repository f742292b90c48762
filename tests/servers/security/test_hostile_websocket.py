"""What clients and records do to the running WebSocket server: it goes on, and so do its other clients."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import orjson
import psutil
import pytest
from confluent_kafka import Producer
from websockets.frames import Frame, Opcode

from mdstream.config import KafkaSettings
from tests.servers.serving.websocket.running import Exchange, Running
from tests.servers.serving.websocket.test_limits import REQUEST
from tests.waiting import until
from tests.wrong_records import NO_RECORDS, RECORDS, good, wrong

pytestmark = pytest.mark.servers

EVERY_CHANNEL = ["tick", "bar", "indicator", "anomaly", "prediction"]
LONGEST_GAP_SECONDS = 3


def unreadable(server: Running) -> float:
    lines = server.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("websocket_records_unreadable_total{"))


def test_the_tick_that_ended_the_server(kafka: KafkaSettings, websocket: Running, exchange: Exchange) -> None:
    before = unreadable(websocket)
    with websocket.client("X") as client:
        producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
        producer.produce("tick_data", b'{"symbol":"X","event_time":1,"ingest_time":"x"}')
        assert producer.flush(60) == 0
        until(lambda: unreadable(websocket) == before + 1)
        exchange.trade("X")
        assert client.hear_until("tick")["sequence"] == 1
    assert websocket.get("/health/ready").status_code == 200


def test_every_wrong_record_in_every_topic(kafka: KafkaSettings, websocket: Running) -> None:
    before, sent = unreadable(websocket), 0
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "message.max.bytes": 8_000_000})
    with websocket.client() as client:
        client.say(type="subscribe", symbols=["*"], channels=EVERY_CHANNEL)
        client.hear_until("subscribed")
        for record in RECORDS:
            values = [*NO_RECORDS, *(json.dumps(fields).encode() for _, fields in wrong(record))]
            for value in values:
                # Of those of 3 MB no more than the broker's smallest limit.
                if len(value) < 900_000:
                    producer.produce(record.topic_name, value)
                    sent += 1
            producer.produce(record.topic_name, orjson.dumps(good(record, symbol="LAST")))
            assert producer.flush(60) == 0
        until(lambda: unreadable(websocket) == before + sent)
        heard: set[str] = set()
        while heard != set(EVERY_CHANNEL):
            message = client.hear()
            if "snapshot" not in message:
                assert message["symbol"] == "LAST"
                heard.add(message["type"])

    assert websocket.get("/health/ready").status_code == 200


def flood(port: int, frames: bytes) -> None:
    """Send frames until there are no more, or the connection is gone."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as attacker:
        attacker.sendall(REQUEST)
        assert b" 101 " in attacker.recv(4096)
        with suppress(OSError):
            attacker.sendall(frames)


@pytest.mark.parametrize(
    ("opcode", "payload", "is_last"),
    [(Opcode.PING, b"", True), (Opcode.PONG, b"x", True), (Opcode.TEXT, b"", True), (Opcode.CONT, b"", False)],
    ids=["pings", "pongs", "empty messages", "empty parts"],
)
def test_a_flood_of_small_frames(
    websocket: Running, exchange: Exchange, opcode: Opcode, payload: bytes, is_last: bool
) -> None:
    before = websocket.refused("message_rate")
    frames = Frame(opcode, payload, is_last).serialize(mask=True) * 800_000
    if opcode is Opcode.CONT:
        frames = Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True) + frames
    longest = 0.0
    with websocket.client("FLOOD") as client, ThreadPoolExecutor(1) as executor:
        exchange.trade("FLOOD")
        client.hear_until("tick")
        attack = executor.submit(flood, websocket.port, frames)
        while not attack.done() or websocket.refused("message_rate") == before:
            began = time.monotonic()
            exchange.trade("FLOOD")
            client.hear_until("tick")
            longest = max(longest, time.monotonic() - began)
        attack.result()

    assert websocket.refused("message_rate") == before + 1
    assert longest < LONGEST_GAP_SECONDS


def test_a_head_in_one_piece_is_measured(websocket: Running) -> None:
    before = websocket.refused("head")
    lines = b"".join(b"X-%d: %b\r\n" % (number, b"a" * 8_000) for number in range(25))
    with socket.create_connection(("127.0.0.1", websocket.port), timeout=60) as attacker, suppress(OSError):
        attacker.sendall(REQUEST[:-2] + lines + b"\r\n")
        assert attacker.recv(4096) == b""
    until(lambda: websocket.refused("head") == before + 1)


def test_symbols_that_nothing_comes_of_take_little_memory(websocket: Running) -> None:
    process = psutil.Process(websocket.process.pid)
    clients = 50
    with ExitStack() as crowd:
        before = process.memory_info().rss
        for number in range(clients):
            client = crowd.enter_context(websocket.client())
            symbols = [f"NONE-{number}-{each}" for each in range(1_000)]
            client.say(type="subscribe", symbols=symbols, channels=EVERY_CHANNEL)
            assert len(client.hear_until("subscribed")["unknown"]) == 1_000
        grown = process.memory_info().rss - before
    assert grown < clients * 1_500_000
    until(lambda: websocket.metric("websocket_clients") == 0)
