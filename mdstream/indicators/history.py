"""The last bars of a symbol and window, kept up to date by revisions that come in any order, late and repeated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mdstream.errors import InvalidInputError
from mdstream.indicators.catalogue import BAR_SERIES
from mdstream.indicators.indicator import Indicator
from mdstream.indicators.values import AVERAGED_BARS, LATENCY, indicator_values, rule_values
from mdstream.schemas import BAR

Bars = NDArray[np.void]
"""Bars of one symbol and window: an array of `BAR_TYPE`."""

SeriesKey = tuple[str, str]
"""Symbol and window."""

_SERIES_KEY = ("symbol", "window")


def _numpy_type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "<M8[us]"
    return "<i8" if pa.types.is_integer(kind) else "<f8"


BAR_TYPE = np.dtype(
    [(each.name, _numpy_type(each.type)) for each in (*BAR.schema, LATENCY) if each.name not in _SERIES_KEY]
)
"""A bar without its symbol and window, times in UTC; NaN and NaT stand for null."""


_RAW = np.dtype((np.void, BAR_TYPE.itemsize))


def joined(*parts: Bars) -> Bars:
    """Return the bars of all parts, one behind the other.

    As bytes: numpy would work out the common type of a bar's fields each time, which takes longer than copying 600.
    """
    return np.concatenate([part.view(_RAW) for part in parts]).view(BAR_TYPE)


def chosen(bars: Bars, places: Sequence[int]) -> Bars:
    """Return the bars at some places: as bytes, see `joined`."""
    return bars.view(_RAW)[places].view(BAR_TYPE)


def no_bars() -> Bars:
    """Return an array of no bars."""
    return np.empty(0, BAR_TYPE)


@dataclass(frozen=True)
class History:
    """The newest revision of each of the last bars of one symbol and window.

    Attributes:
        bars: In time order, one a window.
        cut: There were bars before these that are not kept.
    """

    bars: Bars = field(default_factory=no_bars)
    cut: bool = False

    def merged(self, revisions: Bars) -> Merged:
        """Take revisions in: of one bar the greatest `trade_count` stays, of equal ones the later.

        Args:
            revisions: Bars in the order in which they came. If bars were cut off, those older than the first that is
                kept are left out, as nobody knows what else belongs between them.
        """
        old = revisions["window_start"] < self.bars["window_start"][0] if self.cut else np.zeros(len(revisions), bool)
        fresh = revisions[~old] if old.any() else revisions
        too_old = len(revisions) - len(fresh)
        if not len(fresh):
            return Merged(self.bars, self.cut, no_bars(), len(self.bars), too_old)
        if (fresh["window_start"] == fresh["window_start"][0]).all():
            return self._with_one_bar(fresh, too_old)
        begin = int(np.searchsorted(self.bars["window_start"], fresh["window_start"].min()))
        candidates = joined(self.bars[begin:], fresh)
        order = np.lexsort((candidates["trade_count"], candidates["window_start"]))
        starts = candidates["window_start"][order]
        newest = order[np.append(starts[1:] != starts[:-1], True)]
        is_new = newest >= len(self.bars) - begin
        first = begin + int(np.argmax(is_new)) if is_new.any() else begin + len(newest)
        bars = joined(self.bars[:begin], candidates[newest])
        return Merged(bars, self.cut, candidates[newest[is_new]], first, too_old)

    def _with_one_bar(self, revisions: Bars, too_old: int) -> Merged:
        """Take in revisions that are all of one bar: nearly always the newest, and nothing is to be sorted."""
        trade_counts = revisions["trade_count"]
        newest = len(trade_counts) - 1 - int(np.argmax(trade_counts[::-1]))
        start = revisions["window_start"][newest]
        place = int(np.searchsorted(self.bars["window_start"], start))
        known = bool((self.bars["window_start"][place : place + 1] == start).any())
        if known and self.bars["trade_count"][place] > trade_counts[newest]:
            return Merged(self.bars, self.cut, no_bars(), len(self.bars), too_old)
        accepted = joined(revisions[newest : newest + 1])
        bars = joined(self.bars[:place], accepted, self.bars[place + known :])
        return Merged(bars, self.cut, accepted, place, too_old)

    def trimmed(self, limit: int) -> History:
        """Return the last `limit` bars."""
        if len(self.bars) <= limit:
            return self
        return History(joined(self.bars[-limit:]), cut=True)


@dataclass(frozen=True)
class Merged:
    """A history and the revisions that were just taken in.

    Attributes:
        bars: All bars, not trimmed yet.
        cut: There were bars before these that are not kept.
        accepted: The revisions that are in `bars`, in time order.
        first: Place of the earliest of them; the number of bars if there are none.
        too_old: How many revisions were older than what is kept.
    """

    bars: Bars
    cut: bool
    accepted: Bars
    first: int
    too_old: int

    @property
    def history(self) -> History:
        """The history behind the merge, not trimmed yet."""
        return History(self.bars, self.cut)

    def first_to_compute(self, context: int) -> int:
        """Return the place of the first bar whose indicators change and can be told.

        A revision changes the indicators of its bar and of all bars behind it. If bars were cut off, the first
        `context` bars that are left have too few before them, and serve only those behind them.
        """
        return max(self.first, min(context, len(self.bars) - 1)) if self.cut else self.first

    def without_context(self, context: int) -> int:
        """Return how many accepted revisions are of bars that have too few bars before them."""
        begin = self.first_to_compute(context)
        if begin <= self.first:
            return 0
        return int(np.count_nonzero(self.accepted["window_start"] < self.bars["window_start"][begin]))


def computed(bars: Bars, first: int, indicators: Iterable[Indicator]) -> dict[str, NDArray[np.float64]]:
    """Return what is computed of the bars from `first` on: the columns of the indicators and those for rules.

    Example:
        >>> computed(no_bars(), 0, ())["previous_close"]
        array([], dtype=float64)
    """
    series = {name: np.ascontiguousarray(bars[name]) for name in BAR_SERIES}
    # Columns for rules look back no further, so the bars before would be computed for nothing.
    begin = max(first - AVERAGED_BARS, 0)
    for_rules = rule_values({name: values[begin:] for name, values in series.items()})
    of_indicators = indicator_values(indicators, series, first)
    return of_indicators | {name: values[first - begin :] for name, values in for_rules.items()}


def fold(histories: dict[SeriesKey, History], changes: Iterable[Mapping[SeriesKey, History]], limit: int) -> None:
    """Take changes into `histories`, oldest first: the same as merging and trimming one by one, in one go.

    Args:
        histories: What is known so far; changed in place.
        changes: Accepted revisions, or bars from elsewhere, by series.
        limit: Bars that are kept of each series.
    """
    parts: dict[SeriesKey, list[History]] = {}
    for change in changes:
        for series, part in change.items():
            parts.setdefault(series, []).append(part)
    for series, news in parts.items():
        first, *others = [histories[series], *news] if series in histories else news
        cut = any(part.cut for part in (first, *others))
        # Nothing is left out here for being old: each change was accepted by the history that it met.
        bars = History(first.bars).merged(joined(no_bars(), *(part.bars for part in others))).bars
        histories[series] = History(bars, cut).trimmed(limit)


_ENCODED = pa.schema(
    [("symbol", pa.string()), ("window", pa.string()), ("cut", pa.bool_()), ("bars", pa.binary())],
    metadata={"bars": str(BAR_TYPE.descr)},
)


def encode(histories: Mapping[SeriesKey, History]) -> bytes:
    """Return histories as an Arrow stream of one row a series.

    Example:
        >>> list(decode(encode({("AAPL", "1min"): History()})))
        [('AAPL', '1min')]
    """
    columns = [
        pa.array([symbol for symbol, _ in histories], pa.string()),
        pa.array([window for _, window in histories], pa.string()),
        pa.array([history.cut for history in histories.values()], pa.bool_()),
        pa.array([history.bars.tobytes() for history in histories.values()], pa.binary()),
    ]
    buffer = pa.BufferOutputStream()
    with pa.ipc.new_stream(buffer, _ENCODED) as stream:
        stream.write_batch(pa.RecordBatch.from_arrays(columns, schema=_ENCODED))
    return bytes(buffer.getvalue())


def decode(encoded: bytes) -> dict[SeriesKey, History]:
    """Return what `encode` was given.

    Raises:
        InvalidInputError: It was written by a release whose bars have other fields.
    """
    with pa.ipc.open_stream(encoded) as stream:
        if stream.schema.metadata != _ENCODED.metadata:
            raise InvalidInputError(
                "bars were kept by another release of mdstream, with other fields; remove the query's checkpoint: it "
                "starts again from the bars in the database"
            )
        rows = stream.read_all().to_pydict()
    series = zip(rows["symbol"], rows["window"], strict=True)
    kept = (History(np.frombuffer(bars, BAR_TYPE), cut) for bars, cut in zip(rows["bars"], rows["cut"], strict=True))
    return dict(zip(series, kept, strict=True))
