"""Recorded ticks come back as they were, when they are due."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mdstream.errors import InvalidInputError
from mdstream.feeds import FeedBatch, ReplayFeed
from tests.unit.feeds.clock import ManualClock

SECOND = 1_000_000
START = 1_381_154_400 * SECOND
NOW = 1_800_000_000 * SECOND


def write(path: Path, *changes: dict[str, Any] | str) -> Path:
    good = {"symbol": "AAPL", "price": 1.5, "size": 100, "event_time": START}
    lines = [change if isinstance(change, str) else json.dumps({**good, **change}) for change in changes]
    path.write_text("\n".join(lines))
    return path


def deliver(
    feed: ReplayFeed, *, symbols: tuple[str, ...] = (), observe: Callable[[FeedBatch], None] = lambda _: None
) -> list[FeedBatch]:
    async def run() -> list[FeedBatch]:
        await feed.connect()
        await feed.subscribe(symbols)
        batches = []
        async for batch in feed:
            batches.append(batch)
            observe(batch)
        return batches

    return asyncio.run(run())


def ticks_of(batches: list[FeedBatch]) -> list[dict[str, Any]]:
    return [tick for batch in batches for tick in batch.ticks]


def test_ticks_are_stamped_when_they_are_due(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", {}, {"event_time": START + 2 * SECOND, "source": "massive", "exchange": "Q"})
    ticks = ticks_of(deliver(ReplayFeed(path, speed=2.0, clock=ManualClock(NOW))))
    empty = {"trade_id": None, "sequence": None, "conditions": None}
    assert ticks == [
        {"symbol": "AAPL", "price": 1.5, "size": 100.0, "event_time": START, "ingest_time": NOW, "source": "replay",
         "exchange": None, **empty},
        {"symbol": "AAPL", "price": 1.5, "size": 100.0, "event_time": START + 2 * SECOND, "ingest_time": NOW + SECOND,
         "source": "massive", "exchange": "Q", **empty},
    ]  # fmt: skip


def test_the_order_is_that_of_the_file(tmp_path: Path) -> None:
    times = [5, 3, 9, 1]
    path = write(tmp_path / "t.jsonl", *({"event_time": START + time * SECOND} for time in times))
    ticks = ticks_of(deliver(ReplayFeed(path, clock=ManualClock(NOW))))
    assert [(tick["event_time"] - START) / SECOND for tick in ticks] == times
    assert [(tick["ingest_time"] - NOW) / SECOND for tick in ticks] == [0, 0, 4, 4]


def test_shifted_to_now_the_first_tick_is_now_and_gaps_stay(tmp_path: Path) -> None:
    times = [0, 3, 10]
    path = write(tmp_path / "t.jsonl", *({"event_time": START + time * SECOND} for time in times))
    ticks = ticks_of(deliver(ReplayFeed(path, shift_to_now=True, clock=ManualClock(NOW))))
    assert [(tick["event_time"] - NOW) / SECOND for tick in ticks] == times
    assert [tick["ingest_time"] for tick in ticks] == [tick["event_time"] for tick in ticks]


@pytest.mark.parametrize(("speed", "seconds"), [(10.0, 360), (math.inf, 0)])
def test_shifted_and_faster_the_last_tick_is_now_when_it_is_sent(tmp_path: Path, speed: float, seconds: int) -> None:
    times = [0, 600, 3600]
    path = write(tmp_path / "t.jsonl", *({"event_time": START + time * SECOND} for time in times))
    batches = deliver(ReplayFeed(path, speed=speed, shift_to_now=True, clock=ManualClock(NOW)))
    ticks = ticks_of(batches)
    assert not any(batch.rejects for batch in batches)
    assert [(tick["event_time"] - NOW) / SECOND for tick in ticks] == [time - 3600 + seconds for time in times]
    assert all(tick["event_time"] <= tick["ingest_time"] for tick in ticks)


def test_only_the_subscribed_symbols(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", {"symbol": "A"}, {"symbol": "B"}, {"symbol": "C"}, {"symbol": "A"})
    ticks = ticks_of(deliver(ReplayFeed(path, speed=math.inf), symbols=("A", "C")))
    assert [tick["symbol"] for tick in ticks] == ["A", "C", "A"]


def test_rejects_come_with_the_reason(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", {}, "garbage", {"price": -1})
    batches = deliver(ReplayFeed(path, speed=math.inf))
    rejects = [reject for batch in batches for reject in batch.rejects]
    assert len(ticks_of(batches)) == 1
    assert [reject.reason.partition(":")[0] for reject in rejects] == ["not JSON", "price not positive"]


def test_a_tick_ahead_of_the_clock_is_refused(tmp_path: Path) -> None:
    times = [START, START + 301 * SECOND, START + 300 * SECOND]
    path = write(tmp_path / "t.jsonl", *({"event_time": time} for time in times))
    batches = deliver(ReplayFeed(path, speed=math.inf, clock=ManualClock(START)))
    assert [tick["event_time"] for tick in ticks_of(batches)] == [times[0], times[2]]
    [reject] = [reject for batch in batches for reject in batch.rejects]
    assert reject.reason == "event_time too far ahead of ingest_time: 2013-10-07T14:05:01+00:00"
    assert json.loads(reject.payload)["event_time"] == times[1]


def test_closing_ends_the_replay_between_batches(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", *({"event_time": START + time * SECOND} for time in range(100)))
    clock = ManualClock(NOW)
    feed = ReplayFeed(path, clock=clock)

    def close_after_ten(_: FeedBatch) -> None:
        if clock.elapsed >= 9:
            asyncio.get_running_loop().create_task(feed.close())

    ticks = ticks_of(deliver(feed, observe=close_after_ten))
    assert 10 <= len(ticks) <= 12


def test_the_share_read_rises_to_one(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", *({"event_time": START + time * SECOND} for time in range(20_000)))
    fractions = [batch.fraction or 0.0 for batch in deliver(ReplayFeed(path, speed=1000.0, clock=ManualClock(NOW)))]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(set(fractions)) > 10


def test_a_file_that_is_no_file_of_ticks_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InvalidInputError, match="no column symbol, price, size, event_time"):
        asyncio.run(ReplayFeed(path).connect())


def test_an_empty_file_is_no_ticks(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").touch()
    assert deliver(ReplayFeed(tmp_path / "t.jsonl", shift_to_now=True, speed=10.0)) == []
