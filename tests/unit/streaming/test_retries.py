"""How long a write waits for a store that is away."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from mdstream.errors import SinkError, SinkUnavailableError
from mdstream.stores import Sink
from mdstream.streaming import retries
from mdstream.streaming.leftovers import OWN_FOLDER_VARIABLE

BATCH = pa.RecordBatch.from_pydict({"n": [1]})


@dataclass
class FakeTime:
    """A clock that only sleeping moves."""

    now: float = 1000.0
    pauses: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(round(seconds, 6))
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    clock = FakeTime()
    monkeypatch.setattr(retries, "time", clock)
    monkeypatch.delenv(OWN_FOLDER_VARIABLE, raising=False)
    retries._outages.cache_clear()
    return clock


@dataclass
class Store:
    """Raises the errors it is given, one a write, then works."""

    errors: list[Exception]
    written: list[pa.RecordBatch] = field(default_factory=list)

    def write(self, batch: pa.RecordBatch) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.written.append(batch)


def write(sink: Sink, retry_seconds: float = 300) -> None:
    retries.with_retries(lambda: sink.write(BATCH), retry_seconds)


def test_pauses_grow_to_five_seconds(clock: FakeTime, caplog: pytest.LogCaptureFixture) -> None:
    store = Store([SinkUnavailableError(f"Redis at r:1 cannot be used now: {number}") for number in range(8)])
    write(store)
    assert clock.pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert store.written == [BATCH]
    assert [record.getMessage() for record in caplog.records] == [
        "Redis at r:1 cannot be used now: 0; waiting for it",
        "Redis at r:1 is back after 0 s",
    ]


def test_a_store_that_works_is_not_waited_for(clock: FakeTime, caplog: pytest.LogCaptureFixture) -> None:
    store = Store([])
    write(store)
    assert (store.written, clock.pauses, caplog.records) == ([BATCH], [], [])


def test_retries_end_with_the_stores_own_reason(clock: FakeTime) -> None:
    store = Store([SinkUnavailableError(f"away {number}") for number in range(100)])
    with pytest.raises(SinkUnavailableError, match="away 3"):
        write(store, retry_seconds=1)
    # 0.1 + 0.2 + 0.4 s; 0.8 s more would be over the second.
    assert clock.pauses == [0.1, 0.2, 0.4]
    assert store.written == []


def test_a_refusal_is_not_waited_out(clock: FakeTime) -> None:
    store = Store([SinkUnavailableError("away"), SinkError("refused")])
    with pytest.raises(SinkError, match="refused"):
        write(store)
    assert clock.pauses == [0.1]


def test_what_is_no_error_of_a_store_comes_through(clock: FakeTime) -> None:
    with pytest.raises(ZeroDivisionError):
        write(Store([ZeroDivisionError()]))
    assert clock.pauses == []
