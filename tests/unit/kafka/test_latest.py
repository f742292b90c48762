"""How far live bars had come, told by a topic into which others may have written."""

from __future__ import annotations

import json
import time

import pytest

from mdstream.kafka.latest import _ingest_time
from mdstream.schemas import BAR
from tests.wrong_records import NO_RECORDS, good, wrong


@pytest.mark.parametrize("value", [None, *NO_RECORDS], ids=lambda value: repr(value)[:20])
def test_what_is_no_record_tells_nothing(value: bytes | None) -> None:
    assert _ingest_time(value) == 0


def test_a_bar_with_anything_wrong_tells_nothing() -> None:
    cases = [fields for _, fields in wrong(BAR)]
    # More than Java's numbers hold, which orjson reads.
    cases += [good(BAR, last_ingest_time=time) for time in (2**63, 2**64 - 1)]
    assert {_ingest_time(json.dumps(fields).encode()) for fields in cases} == {0}


def test_bars_tell_when_their_newest_tick_arrived_and_no_time_to_come() -> None:
    now = time.time_ns() // 1_000
    tomorrow = good(BAR, last_ingest_time=now + 80_000_000_000)

    assert _ingest_time(json.dumps(good(BAR, last_ingest_time=now - 7)).encode()) == now - 7
    assert _ingest_time(json.dumps(good(BAR, last_ingest_time=None)).encode()) == 0
    assert now <= _ingest_time(json.dumps(tomorrow).encode()) <= time.time_ns() // 1_000
