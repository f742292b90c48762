from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
from prometheus_client import CollectorRegistry

from mdstream.embedded.server import free_port
from mdstream.errors import ConfigError
from mdstream.serving import metrics_port
from mdstream.serving.metrics_port import serve_metrics
from mdstream.telemetry import GaugeMetric
from tests import waiting


@pytest.fixture
def port() -> Iterator[int]:
    registry, number = CollectorRegistry(), free_port()
    GaugeMetric("depth_bytes", "How deep").register(registry).set(7)
    with serve_metrics(registry, "127.0.0.1", number):
        yield number


def answer(port: int, sent: bytes) -> bytes:
    """What is answered to bytes, up to the end of the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        parts = []
        with suppress(ConnectionError):
            connection.sendall(sent)
            while part := connection.recv(65_536):
                parts.append(part)
    return b"".join(parts)


def test_metrics_are_served_until_the_end_of_the_block() -> None:
    registry, port = CollectorRegistry(), free_port()
    GaugeMetric("depth_bytes", "How deep").register(registry).set(7)
    with serve_metrics(registry, "127.0.0.1", port):
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert re.search(r"^depth_bytes 7\.0$", text, re.MULTILINE)
    assert re.search(r"^process_resident_memory_bytes [1-9]", text, re.MULTILINE)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


def test_an_address_that_is_taken_is_said() -> None:
    port = free_port()
    with (
        serve_metrics(CollectorRegistry(), "127.0.0.1", port),
        pytest.raises(ConfigError, match=rf"127.0.0.1:{port}: .* choose another --metrics-port"),
        serve_metrics(CollectorRegistry(), "127.0.0.1", port),
    ):
        pass


def test_an_address_of_another_machine_is_said() -> None:
    with (
        pytest.raises(ConfigError, match=r"cannot be served on 192\.0\.2\.1"),
        serve_metrics(CollectorRegistry(), "192.0.2.1", free_port()),
    ):
        pass


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"200"),
        (b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"200"),
        (b"GET /../etc/passwd HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /metrics?" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", b"413"),
        (b"DELETE /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/9.9\r\n\r\n", b"505"),
    ],
)
def test_nothing_but_metrics_is_answered(port: int, sent: bytes, status: bytes) -> None:
    found = answer(port, sent)

    head, _, body = found.partition(b"\r\n\r\n")
    assert head.split()[1] == status
    assert b"X-Content-Type-Options: nosniff" in head
    assert b"Content-Security-Policy: default-src 'none'" in head
    assert b"Python" not in found
    assert (b"depth_bytes 7.0" in body) == (status == b"200" and sent.startswith(b"GET"))


def test_a_head_that_does_not_end_is_read_no_further(port: int) -> None:
    for head in (b"a: b\r\n" * 5_000, b"a: " + b"b" * 100_000):
        said = answer(port, b"GET /metrics HTTP/1.1\r\n" + head)
        assert said == b"" or said.startswith(b"HTTP/1.0 431"), said


def test_clients_that_never_finish_leave_a_place(port: int) -> None:
    before = threading.active_count()
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
    try:
        for client in clients:
            client.sendall(b"GET /me")
        assert b"depth_bytes 7.0" in answer(port, b"GET /metrics HTTP/1.1\r\n\r\n")
        waiting.until(lambda: threading.active_count() <= before + 17)
    finally:
        for client in clients:
            client.close()


def test_who_asks_too_often_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_port, "_REQUESTS_PER_SECOND", 0.001)
    monkeypatch.setattr(metrics_port, "_BURST", 3)
    number = free_port()
    with serve_metrics(CollectorRegistry(), "127.0.0.1", number):
        statuses = [answer(number, b"GET /metrics HTTP/1.1\r\n\r\n").split()[1] for _ in range(5)]

    assert statuses == [b"200"] * 3 + [b"429"] * 2
