"""A server that goes and comes back, by a clock of the test's own."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mdstream.kafka.broker_watch import WithoutConnections
from mdstream.telemetry.outages import Outages

_REDIS = "Redis at r:6379"


@pytest.mark.parametrize("shared", [False, True], ids=["one process", "several processes"])
def test_one_line_when_it_goes_one_a_minute_and_one_when_it_is_back(
    shared: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = 500.0
    logger = logging.getLogger("outages")
    processes = [Outages(logger, tmp_path if shared else None, lambda: now)]
    processes *= 3
    if shared:
        processes = [Outages(logger, tmp_path, lambda: now) for _ in range(3)]
    for _ in range(130):
        for each in processes:
            each.away(_REDIS, f"{_REDIS} cannot be used now: refused")
        now += 1
    for each in processes:
        each.back(_REDIS)
        each.back("another")

    assert [record.getMessage() for record in caplog.records] == [
        "Redis at r:6379 cannot be used now: refused; waiting for it",
        "Redis at r:6379 cannot be used now: refused; waiting for it for 60 s",
        "Redis at r:6379 cannot be used now: refused; waiting for it for 120 s",
        "Redis at r:6379 is back after 130 s",
    ]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("FAIL [rdkafka#producer-1] [thrd:k:9/1]: k:9/1: Connect to ipv4#k:9 failed: Connection refused", 0),
        ("ERROR [rdkafka#consumer-1] [thrd:app]: rdkafka#consumer-1: 1/1 brokers are down", 0),
        ("FAIL [rdkafka#producer-1] [thrd:k:9/1]: k:9/1: Disconnected (after 32ms in state UP)", 0),
        ("FAIL [rdkafka#producer-1] [thrd:k:9/1]: k:9/1: SASL authentication error: Invalid credentials", 1),
    ],
)
def test_of_kafkas_client_nothing_that_the_watch_says(said: str, shown: int) -> None:
    record = logging.LogRecord("kafka", logging.WARNING, "", 0, said, None, None)
    assert WithoutConnections().filter(record) is bool(shown)
