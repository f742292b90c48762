"""Which connections have to go, and when; `tests/servers/serving/test_hostile.py` has real ones."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from mdstream.serving import connections
from mdstream.serving.connections import ConnectionLimits, Connections, GuardedProtocol

pytestmark = pytest.mark.anyio


class FakeConnection:
    """What `Connections` knows of a connection."""

    def __init__(self, unread_bytes: int = 0) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport = self
        self.unread_bytes = unread_bytes
        self.is_closed = False

    def get_write_buffer_size(self) -> int:
        return self.unread_bytes

    def abort(self) -> None:
        self.is_closed = True


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(connections, "time", clock)
    return clock


def protocol(fake: FakeConnection) -> GuardedProtocol:
    return cast("GuardedProtocol", fake)


def admit(guard: Connections, fake: FakeConnection) -> bool:
    return guard.admit(protocol(fake))


def look(guard: Connections, clock: Clock, at: float) -> None:
    clock.now = at
    guard._look(asyncio.get_running_loop())


async def test_the_one_that_waited_longest_makes_room(clock: Clock) -> None:
    guard = Connections(ConnectionLimits("test", connections=3, request_seconds=10))
    first, second, third, fourth, fifth = (FakeConnection() for _ in range(5))
    for fake in (first, second, third):
        clock.now += 1
        assert admit(guard, fake)
    # The first asks, is answered, and so has waited for less long than the second.
    guard.answers(protocol(first))
    guard.waits(protocol(first))

    assert admit(guard, fourth)
    guard.answers(protocol(third))
    assert admit(guard, fifth)

    assert [fake.is_closed for fake in (first, second, third, fourth, fifth)] == [True, True, False, False, False]
    assert len(guard) == 3


async def test_nobody_is_closed_in_the_middle_of_an_answer(clock: Clock) -> None:
    guard = Connections(ConnectionLimits("test", connections=1, request_seconds=10))
    asking, new = FakeConnection(), FakeConnection()
    admit(guard, asking)
    guard.answers(protocol(asking))

    assert not admit(guard, new)
    look(guard, clock, 1100)
    assert (asking.is_closed, new.is_closed) == (False, False)
    # But not without end: who does not read holds its request for ever.
    look(guard, clock, 1121)
    assert asking.is_closed
    assert admit(guard, new)


async def test_a_request_has_its_time_and_a_slow_reader_more(clock: Clock) -> None:
    guard = Connections(ConnectionLimits("test", connections=10, request_seconds=10))
    reader, silent = FakeConnection(unread_bytes=1), FakeConnection()
    admit(guard, reader)
    admit(guard, silent)

    look(guard, clock, 1009)
    assert (silent.is_closed, reader.is_closed) == (False, False)
    look(guard, clock, 1010)
    assert (silent.is_closed, reader.is_closed) == (True, False)
    look(guard, clock, 1061)
    assert reader.is_closed
    assert len(guard) == 0


async def test_one_that_left_is_forgotten(clock: Clock) -> None:
    guard = Connections(ConnectionLimits("test", connections=1, request_seconds=10))
    gone, new = FakeConnection(), FakeConnection()
    admit(guard, gone)
    guard.forget(protocol(gone))

    assert admit(guard, new)
    look(guard, clock, 1010)
    assert (gone.is_closed, new.is_closed) == (False, True)
