"""Ticks are released when they are due."""

from __future__ import annotations

import asyncio
import logging
import math

import numpy as np
import pytest

from mdstream.errors import InvalidInputError
from mdstream.feeds.pacing import MAX_CATCH_UP_SECONDS, Pacer, SystemClock, parse_speed
from tests.unit.feeds.clock import ManualClock

SECOND = 1_000_000


def released(
    pacer: Pacer,
    clock: ManualClock,
    seconds: list[float],
    close_at: float = math.inf,
    wake: asyncio.Event | None = None,
) -> list[tuple[float, int]]:
    """Return when each position was released."""

    async def run() -> list[tuple[float, int]]:
        found = []
        async for start, end in pacer.release(np.array([int(s * SECOND) for s in seconds], dtype=np.int64)):
            found += [(round(clock.elapsed, 3), position) for position in range(start, end)]
            if wake is not None and clock.elapsed >= close_at:
                wake.set()
        return found

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("text", "speed"), [("1x", 1.0), ("10x", 10.0), ("0.5x", 0.5), (".5x", 0.5), ("2.x", 2.0), ("max", math.inf)]
)
def test_speeds(text: str, speed: float) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["", "x", "0x", "0.0x", "-1x", "10", "fast", "1e3x", "infx", "nanx", "1x "])
def test_what_is_no_speed_says_what_is(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"e\.g\. 1x, 10x, 0\.5x, max"):
        parse_speed(text)


@pytest.mark.parametrize(("speed", "factor"), [(1.0, 1.0), (10.0, 0.1), (0.5, 2.0)])
def test_gaps_are_kept_at_the_speed(speed: float, factor: float) -> None:
    clock = ManualClock()
    pacer = Pacer(speed, clock, asyncio.Event())
    times = [100.0, 100.0, 101.0, 104.0, 104.0]
    assert released(pacer, clock, times) == [(round((time - 100) * factor, 3), at) for at, time in enumerate(times)]
    more = [106.0, 110.0]
    assert released(pacer, clock, more) == [(round((time - 100) * factor, 3), at) for at, time in enumerate(more)]


def test_without_pacing_all_is_due_at_once() -> None:
    clock = ManualClock()
    assert released(Pacer(math.inf, clock, asyncio.Event()), clock, [1.0, 9.0, 5.0]) == [(0, 0), (0, 1), (0, 2)]
    assert not clock.waits


def test_what_is_late_does_not_wait_and_holds_up_nobody() -> None:
    clock = ManualClock()
    pacer = Pacer(1.0, clock, asyncio.Event())
    assert released(pacer, clock, [10.0, 12.0, 5.0, 11.0, 13.0]) == [(0, 0), (2, 1), (2, 2), (2, 3), (3, 4)]
    assert released(pacer, clock, [1.0]) == [(3, 0)]


def test_a_short_delay_is_made_up_for() -> None:
    clock = ManualClock()
    pacer = Pacer(1.0, clock, asyncio.Event())
    assert released(pacer, clock, [0.0]) == [(0, 0)]
    clock.elapsed += MAX_CATCH_UP_SECONDS - 1  # the broker was slow
    assert released(pacer, clock, [1.0, 2.0, 10.0]) == [(4, 0), (4, 1), (10, 2)]


def test_a_long_delay_is_made_up_for_only_in_part(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    pacer = Pacer(1.0, clock, asyncio.Event())
    released(pacer, clock, [0.0])
    clock.elapsed += 3600  # the laptop slept
    with caplog.at_level(logging.WARNING):
        found = released(pacer, clock, [float(second) for second in range(1, 20)])
    due_at_once = [at for at, _ in found if at == 3600]
    assert len(due_at_once) == MAX_CATCH_UP_SECONDS + 1
    assert [at for at, _ in found][len(due_at_once) :] == [3600 + second for second in range(1, 14)]
    assert len(caplog.records) == 1


def test_a_feed_that_never_keeps_up_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock(cost=1.0)
    found = released(Pacer(1.0, clock, asyncio.Event()), clock, [number / 1000 for number in range(50_000)])
    assert [position for _, position in found] == list(range(50_000))
    assert len(caplog.records) <= 1


def test_closing_ends_the_release() -> None:
    clock, wake = ManualClock(), asyncio.Event()
    pacer = Pacer(1.0, clock, wake)
    assert released(pacer, clock, [0.0, 1.0, 2.0, 3.0], close_at=1.0, wake=wake) == [(0, 0), (1, 1)]
    assert released(pacer, clock, [4.0]) == []


def test_waiting_ends_when_woken() -> None:
    async def run() -> None:
        wake = asyncio.Event()
        waiting = asyncio.create_task(SystemClock().wait(3600, wake))
        await asyncio.sleep(0)
        wake.set()
        await asyncio.wait_for(waiting, 30)

    asyncio.run(run())


def test_no_times_are_no_release() -> None:
    clock = ManualClock()
    assert released(Pacer(1.0, clock, asyncio.Event()), clock, []) == []
