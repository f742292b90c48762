"""Histories in a state of dicts: what a worker knows, what it does not know any more, and attempts that failed."""

from __future__ import annotations

import copy
from typing import Any, cast

import numpy as np
import pytest
from pyspark.sql.streaming.stateful_processor import StatefulProcessorHandle

from mdstream.indicators.history import BAR_TYPE, History, SeriesKey, fold
from mdstream.streaming import history_state
from mdstream.streaming.history_state import HistoryState

_SPY: SeriesKey = ("SPY", "1min")
_LIMIT = 50


class FakeValue:
    def __init__(self) -> None:
        self.row: tuple[Any, ...] | None = None

    def get(self) -> tuple[Any, ...] | None:
        return self.row

    def update(self, row: tuple[Any, ...]) -> None:
        self.row = row


class FakeMap:
    def __init__(self) -> None:
        self.rows: dict[tuple[int], tuple[Any, ...]] = {}
        self.reads = 0

    def getValue(self, key: tuple[int]) -> tuple[Any, ...] | None:  # noqa: N802
        self.reads += 1
        return self.rows.get(key)

    def updateValue(self, key: tuple[int], row: tuple[Any, ...]) -> None:  # noqa: N802
        self.rows[key] = row

    def clear(self) -> None:
        self.rows.clear()


class FakeSpark:
    """The state of one bucket; a copy is what an attempt that failed goes back to."""

    def __init__(self) -> None:
        self.head, self.entries = FakeValue(), FakeMap()

    def getValueState(self, _name: str, _schema: str) -> FakeValue:  # noqa: N802
        return self.head

    def getMapState(self, _name: str, _key: str, _value: str) -> FakeMap:  # noqa: N802
        return self.entries


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> dict[int, Any]:
    """What this worker has kept; emptied, it is another worker."""
    kept: dict[int, Any] = {}
    monkeypatch.setattr(history_state, "_CACHE", kept)
    return kept


def change(minute: int, close: float) -> dict[SeriesKey, History]:
    bars = np.zeros(1, BAR_TYPE)
    bars["window_start"] = np.datetime64(minute * 60, "s")
    bars["close"] = close
    return {_SPY: History(bars)}


def state_of(spark: FakeSpark) -> HistoryState:
    return HistoryState(cast("StatefulProcessorHandle", spark), _LIMIT, 2)


def run(spark: FakeSpark, *changes: dict[SeriesKey, History]) -> None:
    """One batch a change, as the processor does it."""
    for news in changes:
        state = state_of(spark)
        histories = state.take(0)
        fold(histories, [news], _LIMIT)
        state.keep(0, histories, news)


def closes(spark: FakeSpark) -> list[float]:
    state = state_of(spark)
    histories = state.take(0)
    state.keep(0, histories, {})
    return [float(close) for close in histories[_SPY].bars["close"]] if histories else []


def test_a_worker_that_knows_the_histories_reads_nothing(worker: dict[int, Any]) -> None:
    spark = FakeSpark()
    assert closes(spark) == []
    run(spark, change(1, 1.0), change(2, 2.0))
    assert closes(spark) == [1.0, 2.0]
    assert spark.entries.reads == 0
    assert list(worker) == [0]


def test_another_worker_reads_all_and_one_that_was_away_what_it_missed(worker: dict[int, Any]) -> None:
    spark = FakeSpark()
    run(spark, change(1, 1.0), change(2, 2.0))
    before = dict(worker)
    worker.clear()
    assert closes(spark) == [1.0, 2.0]
    assert spark.entries.reads == 2
    run(spark, change(3, 3.0))
    # The first worker, as it was before the third change.
    worker.update(before)
    spark.entries.reads = 0
    assert closes(spark) == [1.0, 2.0, 3.0]
    assert spark.entries.reads == 1


@pytest.mark.parametrize("later", [[], [3]], ids=["at once", "a batch later"])
def test_what_an_attempt_that_failed_left_in_a_worker_is_not_believed(worker: dict[int, Any], later: list[int]) -> None:
    spark = FakeSpark()
    run(spark, change(1, 1.0))
    committed = copy.deepcopy(spark)
    run(spark, change(2, 9.0))
    after_failure = dict(worker)
    worker.clear()
    run(committed, change(2, 2.0), *(change(minute, 3.0) for minute in later))
    worker.clear()
    worker.update(after_failure)
    assert closes(committed) == [1.0, 2.0, *(3.0 for _ in later)]


def test_a_batch_that_broke_off_leaves_nothing_in_the_worker(worker: dict[int, Any]) -> None:
    spark = FakeSpark()
    run(spark, change(1, 1.0))
    histories = state_of(spark).take(0)
    fold(histories, [change(2, 9.0)], _LIMIT)
    assert worker == {}
    assert closes(spark) == [1.0]


def test_a_long_log_becomes_a_snapshot(monkeypatch: pytest.MonkeyPatch, worker: dict[int, Any]) -> None:
    monkeypatch.setattr(history_state, "_SMALL_LOG_BYTES", 0)
    spark = FakeSpark()
    entries = []
    for minute in range(60):
        run(spark, change(minute, float(minute)))
        entries.append(len(spark.entries.rows))
    assert max(entries) < 60
    assert entries.count(1) > 2
    worker.clear()
    assert closes(spark) == [float(minute) for minute in range(10, 60)]
