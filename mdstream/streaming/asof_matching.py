"""Rows of two streams that wait for each other: which leave, what they met, and what is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mdstream.streaming.held_rows import NEVER
from mdstream.transforms.asof_terms import Direction

Integers = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]

_AT_NO_TIME = int(np.iinfo(np.int64).max)
_NONE = -1


@dataclass(frozen=True)
class AsofTerms:
    """What is looked for, and how long; lengths of time are in microseconds.

    Attributes:
        direction: On which side of a row's time.
        reach: How far away at most; None: any distance.
        allow_exact: Whether a row of the same time counts.
        lateness: How much older than the newest row of its side before it a row may be.
        wait: How far one side may be behind the other; None: any.
    """

    direction: Direction
    reach: int | None
    allow_exact: bool
    lateness: int
    wait: int | None

    def waited_until(self, newest: int) -> int:
        """Return before which time no row waits any longer, by the newest time of either side."""
        return NEVER if self.wait is None or newest == NEVER else newest - self.wait


@dataclass(frozen=True)
class Settled:
    """What came of the rows that were there.

    Attributes:
        leaves: Which rows of the left leave.
        met: Place of the row of the right that each row of the left met, -1 for none.
        stays: Which rows of the right are kept.
        due: The time behind which the next row of the left leaves, if nothing else comes; None if none does.
    """

    leaves: Marks
    met: Integers
    stays: Marks
    due: int | None


@dataclass(frozen=True)
class _Both:
    """Rows of both sides: those of the left come first.

    Attributes:
        codes: Number of each row's key.
        times: Their times.
        ties: What orders those of the right that share a time, the weightiest last.
        lefts: How many are of the left.
    """

    codes: Integers
    times: Integers
    ties: tuple[Integers, ...]
    lefts: int


def settle(lefts: pa.Table, rights: pa.Table, terms: AsofTerms, watermark: int, newest: int) -> Settled:
    """Say what becomes of rows that are there.

    Args:
        lefts: Columns key, time and any others.
        rights: Columns key, time, those that begin with `tie_`, the weightiest first, and any others.
        terms: What is looked for.
        watermark: The time that both sides have reached: older rows come no more.
        newest: The newest time of either side.
    """
    both = _both(lefts, rights)
    count = both.lefts
    codes, times = both.codes[:count], both.times[:count]
    right_codes, right_times = both.codes[count:], both.times[count:]
    before, after = (
        _found(both, is_back=is_back, allow_exact=terms.allow_exact)
        if terms.direction != other
        else np.full(count, _NONE)
        for is_back, other in ((True, Direction.FORWARD), (False, Direction.BACKWARD))
    )
    keys = int(both.codes.max(initial=-1)) + 1
    reached = np.full(keys, watermark)
    np.maximum.at(reached, right_codes, right_times - terms.lateness)
    complete = _complete_at(times, right_times, before, after, terms)
    waited = terms.waited_until(newest)
    leaves = (complete < reached[codes]) | (times < waited)
    # What waits still needs what was newest before it.
    oldest = np.full(keys, max(watermark, waited))
    np.minimum.at(oldest, codes[~leaves], times[~leaves])
    due = complete[~leaves]
    if terms.wait is not None:
        due = np.minimum(due, times[~leaves] + terms.wait)
    first = int(due.min(initial=_AT_NO_TIME))
    return Settled(
        leaves,
        _nearer(times, right_times, before, after, terms.reach),
        _stays(both, oldest[right_codes], terms),
        None if first == _AT_NO_TIME else first,
    )


def _both(lefts: pa.Table, rights: pa.Table) -> _Both:
    keys = pa.chunked_array([*lefts["key"].chunks, *rights["key"].chunks], pa.string())
    codes = keys.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    nothing = np.zeros(len(lefts), np.int64)
    names = [name for name in reversed(rights.column_names) if name.startswith("tie_")]
    ties = tuple(np.concatenate([nothing, rights[name].to_numpy()]) for name in names)
    times = np.concatenate([lefts["time"].to_numpy(), rights["time"].to_numpy()])
    return _Both(codes, times, ties, len(lefts))


def _found(both: _Both, *, is_back: bool, allow_exact: bool) -> Integers:
    """Return the place of the last row of the right before each of the left, or of the first behind it.

    As `with_asof` does: all rows in one order, and the last of the right so far. For the first to come, time and ties
    run backwards, which for whole numbers is their complement.
    """
    is_right = np.arange(len(both.times)) >= both.lefts
    time, *ties = (each if is_back else ~each for each in (both.times, *both.ties))
    # Of one time, what is on the right comes first if it counts.
    order = np.lexsort((*ties, is_right ^ allow_exact, time, both.codes))
    last = np.maximum.accumulate(np.where(is_right[order], np.arange(len(order)), _NONE))
    met = order[np.maximum(last, 0)]
    is_own = (last != _NONE) & (both.codes[met] == both.codes[order])
    found = np.empty(len(order), np.int64)
    found[order] = np.where(is_own, met - both.lefts, _NONE)
    return found[: both.lefts]


def _complete_at(times: Integers, right: Integers, before: Integers, after: Integers, terms: AsofTerms) -> Integers:
    """Return which time the right has to pass until nothing that comes can change what a row meets."""
    if terms.direction == Direction.BACKWARD or not len(times):
        return times
    known = np.append(right, 0)
    # The first row behind it is the first until an earlier one comes.
    complete = np.where(after != _NONE, known[after], _AT_NO_TIME)
    if terms.reach is not None:
        complete = np.minimum(complete, times + terms.reach)
    if terms.direction == Direction.NEAREST:
        complete = np.where(before != _NONE, np.minimum(complete, 2 * times - known[before]), complete)
    return np.maximum(complete, times)


def _nearer(times: Integers, right: Integers, before: Integers, after: Integers, reach: int | None) -> Integers:
    """Return the place of the row that counts."""
    known = np.append(right, 0)
    back = np.where(before != _NONE, times - known[before], _AT_NO_TIME)
    ahead = np.where(after != _NONE, known[after] - times, _AT_NO_TIME)
    met = np.where(back <= ahead, before, after)
    return met if reach is None else np.where(np.minimum(back, ahead) <= reach, met, _NONE)


def _stays(both: _Both, oldest: Integers, terms: AsofTerms) -> Marks:
    """Return which rows of the right can still be met by rows of the left from `oldest` on."""
    codes, times = both.codes[both.lefts :], both.times[both.lefts :]
    stays = times >= oldest
    if terms.direction == Direction.FORWARD:
        return stays
    old = np.flatnonzero(~stays)
    order = old[np.lexsort((*(tie[both.lefts :][old] for tie in both.ties), times[old], codes[old]))]
    is_newest = np.append(codes[order][1:] != codes[order][:-1], True)[: len(order)]
    newest = order[is_newest]
    stays[newest] = True if terms.reach is None else oldest[newest] - times[newest] <= terms.reach
    return stays
