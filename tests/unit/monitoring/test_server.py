from __future__ import annotations

import re

import httpx
import pytest
from prometheus_client import CollectorRegistry

from mdstream.errors import ConfigError
from mdstream.local.server import free_port
from mdstream.monitoring import GaugeMetric, serve_metrics


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
