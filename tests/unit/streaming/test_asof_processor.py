"""Rows of two sides that come late and out of order, held against pandas on all of them; without Spark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, cast

import pandas as pd
import pytest
from pyspark.sql.streaming.stateful_processor import ExpiredTimerInfo, StatefulProcessorHandle, TimerValues

from mdstream.streaming.asof_matching import AsofTerms
from mdstream.streaming.asof_processor import AsofProcessor
from mdstream.streaming.held_rows import NEVER
from mdstream.transforms.asof_terms import Direction

Way = Literal["backward", "forward", "nearest"]

TIES = ("tie_sequence",)
SECOND = 1_000_000
LATENESS = 5 * SECOND

CASES: list[tuple[Way, int | None, bool]] = [
    ("backward", None, True),
    ("backward", 4 * SECOND, False),
    ("forward", 4 * SECOND, True),
    ("forward", None, False),
    ("nearest", None, True),
    ("nearest", 4 * SECOND, False),
]


@dataclass(frozen=True)
class Row:
    is_left: bool
    key: str
    time: int
    number: int


@dataclass
class Spark:
    """Does what Spark does around the operator: state, timers, and a watermark that moves behind each batch."""

    processor: AsofProcessor
    lateness: int
    state: tuple[Any, ...] | None = None
    timers: set[int] = field(default_factory=set)
    newest: dict[bool, int] = field(default_factory=dict)
    watermark: int = 0

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin with another process, of which nothing but the checkpoint is left."""
        self.processor = AsofProcessor(self.processor.terms, self.processor.ties)
        self.processor.init(cast("StatefulProcessorHandle", self))

    def getValueState(self, *_: object) -> Spark:  # noqa: N802
        return self

    def get(self) -> tuple[Any, ...] | None:
        return self.state

    def update(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def registerTimer(self, at: int) -> None:  # noqa: N802
        self.timers.add(at)

    def deleteTimer(self, at: int) -> None:  # noqa: N802
        self.timers.remove(at)

    def getCurrentWatermarkInMs(self) -> int:  # noqa: N802
        return self.watermark

    def batch(self, rows: Sequence[Row]) -> list[tuple[int, int | None]]:
        """Return the numbers of the pairs that leave."""
        clock = cast("TimerValues", self)
        frame = pd.DataFrame(
            {
                "key": [row.key for row in rows],
                "is_left": [row.is_left for row in rows],
                "time": [row.time for row in rows],
                "tie_sequence": [row.number for row in rows],
                "row": [str(row.number) for row in rows],
            }
        )
        given = list(self.processor.handleInputRows((0,), iter([frame[:3], frame[3:]]), clock)) if rows else []
        for timer in sorted(timer for timer in self.timers if timer < self.watermark):
            given += self.processor.handleExpiredTimer((0,), clock, ExpiredTimerInfo(timer))
            self.timers.discard(timer)
        for row in rows:
            if row.time != NEVER:
                self.newest[row.is_left] = max(self.newest.get(row.is_left, row.time), row.time)
        if len(self.newest) == 2:
            self.watermark = max(self.watermark, (min(self.newest.values()) - self.lateness) // 1000)
        return [
            (int(own), None if met is None else int(met))
            for part in given
            for own, met in zip(part["own"], part["met"], strict=True)
        ]

    @property
    def held(self) -> tuple[int, int]:
        """How many rows of each side are kept."""
        held = self.processor._held()
        return len(held.lefts), len(held.rights)


def operator(way: Way, reach: int | None, *, allow_exact: bool, wait: int | None = None) -> Spark:
    terms = AsofTerms(Direction(way), reach, allow_exact, LATENESS, wait)
    return Spark(AsofProcessor(terms, TIES), LATENESS)


def made_up(random: Random) -> list[Row]:
    """Rows of both sides in a span of a minute, many at the same time."""
    keys = random.choice(["A", "AB", "ABCD"])
    return [
        Row(random.random() < 0.4, random.choice(keys), SECOND + random.randint(0, 120) * 500_000, number)
        for number in range(random.choice([10, 60, 150]))
    ]


def by_pandas(rows: Iterable[Row], case: tuple[Way, int | None, bool]) -> list[tuple[int, int | None]]:
    way, reach, allow_exact = case
    lefts, rights = (
        pd.DataFrame(
            sorted((row.time, row.number, row.key) for row in rows if row.is_left == is_left),
            columns=["time", number, "key"],
        )
        for is_left, number in ((True, "own"), (False, "met"))
    )
    if lefts.empty or rights.empty:
        return sorted((int(own), None) for own in lefts["own"])
    met = pd.merge_asof(
        lefts, rights, on="time", by="key", tolerance=reach, direction=way, allow_exact_matches=allow_exact
    )
    return sorted(
        (int(own), None if pd.isna(number) else int(number)) for own, number in zip(met["own"], met["met"], strict=True)
    )


@pytest.mark.parametrize(
    ("case", "wait"),
    # Forwards without a tolerance a wait ends before all is known.
    [
        (case, wait)
        for wait in (None, 12 * SECOND)
        for case in CASES
        if wait is None or case[0] == "backward" or case[1]
    ],
    ids=str,
)
def test_all_that_leaves_is_what_pandas_finds_in_all_rows(case: tuple[Way, int | None, bool], wait: int | None) -> None:
    way, reach, allow_exact = case
    random = Random(f"{case}{wait}")
    for _ in range(3):
        rows = made_up(random)
        lag = {True: random.choice([0, 6 * SECOND]), False: random.choice([0, 6 * SECOND])}
        arrivals = sorted(rows, key=lambda row: row.time + lag[row.is_left] + random.randint(0, LATENESS))
        spark = operator(way, reach, allow_exact=allow_exact, wait=wait)
        found: list[tuple[int, int | None]] = []
        while arrivals:
            size = random.randint(1, 30)
            found += spark.batch(arrivals[:size])
            arrivals = arrivals[size:]
            spark.restart()
        ends = [Row(is_left, "Z", 1_000 * SECOND, 10_000) for is_left in (True, False)]
        found += [pair for batch in (ends, [], []) for pair in spark.batch(batch)]
        if way != "backward" and reach is None:
            # Nothing is behind the last rows, so they wait for it for ever.
            waiting = {int(number.as_py()) for number in spark.processor._held().lefts["row"]} - {10_000}
            expected = by_pandas(rows, case)
            assert all(met is None or way == "nearest" for own, met in expected if own in waiting)
            expected = [pair for pair in expected if pair[0] not in waiting]
        else:
            expected = by_pandas(rows, case)
        assert sorted(pair for pair in found if pair[0] != 10_000) == expected


def test_a_row_leaves_when_the_other_side_has_passed_it() -> None:
    spark = operator("backward", None, allow_exact=True)
    assert spark.batch([Row(True, "A", 10 * SECOND, 1), Row(False, "A", 9 * SECOND, 2)]) == []
    # A row at 10 s may still come, as rows are up to 5 s late.
    assert spark.batch([Row(False, "A", 15 * SECOND, 3)]) == []
    assert spark.batch([Row(False, "A", 10 * SECOND, 4), Row(False, "A", 15 * SECOND + 1, 5)]) == [(1, 4)]


def test_a_row_of_a_quiet_key_leaves_when_both_sides_have_passed_it() -> None:
    spark = operator("backward", None, allow_exact=True)
    assert spark.batch([Row(True, "A", 10 * SECOND, 1), Row(False, "A", SECOND, 2)]) == []
    assert spark.batch([Row(False, "B", 60 * SECOND, 3)]) == []
    assert spark.batch([Row(True, "B", 60 * SECOND, 4)]) == []
    assert spark.batch([]) == [(1, 2)]
    assert spark.held == (1, 2)


def test_no_row_waits_longer_than_is_said() -> None:
    spark = operator("forward", None, allow_exact=True, wait=20 * SECOND)
    assert spark.batch([Row(True, "A", 10 * SECOND, 1)]) == []
    assert spark.batch([Row(True, "B", 30 * SECOND, 2)]) == []
    assert spark.batch([Row(True, "B", 31 * SECOND, 3)]) == [(1, None)]
    assert spark.held == (2, 0)


def test_what_comes_too_late_or_has_no_time_is_not_lost() -> None:
    spark = operator("backward", None, allow_exact=True)
    sides = [Row(is_left, "A", 100 * SECOND, 1) for is_left in (True, False)]
    spark.batch([*sides, Row(False, "A", 10 * SECOND, 2)])
    assert spark.batch([Row(True, "A", 20 * SECOND, 3), Row(True, "A", NEVER, 4)]) == [(3, None), (4, None)]


@pytest.mark.parametrize(("way", "kept"), [("backward", 2), ("forward", 1), ("nearest", 2)])
def test_what_can_no_longer_be_met_is_not_kept(way: Way, kept: int) -> None:
    spark = operator(way, None, allow_exact=True, wait=10 * SECOND)
    for second in range(1, 200):
        spark.batch([Row(is_left, "A", second * SECOND, second) for is_left in (True, False)])
    lefts, rights = spark.held
    assert lefts <= 6
    # 5 s of lateness, the batch that is not yet in the watermark, and what was newest before.
    assert 5 <= rights <= 6 + kept
    spark.batch([Row(False, "B", 400 * SECOND, 400)])
    assert spark.held[1] <= 2
