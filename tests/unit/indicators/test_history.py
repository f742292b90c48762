"""Histories of bars under revisions in any order, held to a plain dict of bars and to TA-Lib on all of them."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mdstream.errors import InvalidInputError
from mdstream.indicators import history as module
from mdstream.indicators import parse_indicators
from mdstream.indicators.history import (
    BAR_TYPE,
    Bars,
    History,
    Merged,
    SeriesKey,
    computed,
    decode,
    encode,
    fold,
    no_bars,
)

_MINUTE = 60_000_000
_LIMIT = 12
_SPY: SeriesKey = ("SPY", "1min")
_INDICATORS = parse_indicators({"sma": {"periods": [3, 5]}, "roc": {"period": 4}})
_CONTEXT = 4
"""Bars before a bar that the longest of these indicators reads."""


def bars_of(*revisions: tuple[int, int, float]) -> Bars:
    """Bars of (minute, trade_count, close)."""
    bars = np.zeros(len(revisions), BAR_TYPE)
    for bar, (minute, count, close) in zip(bars, revisions, strict=True):
        bar["window_start"] = np.datetime64(minute * _MINUTE, "us")
        bar["trade_count"] = count
        for name in ("open", "high", "low", "close", "vwap"):
            bar[name] = close
        bar["last_ingest_time"] = np.datetime64("NaT")
    return bars


def minutes_of(bars: Bars) -> list[int]:
    return [int(start) // _MINUTE for start in bars["window_start"].astype(np.int64)]


def rows_of(bars: Bars) -> list[tuple[int, int, float]]:
    closes, counts = bars["close"].tolist(), bars["trade_count"].tolist()
    return list(zip(minutes_of(bars), counts, closes, strict=True))


def history_of(*revisions: tuple[int, int, float], cut: bool = False) -> History:
    return History(bars_of(*revisions), cut)


def full_history() -> History:
    """As many bars as are kept, of minutes 101 and following; earlier ones were cut off."""
    bars = [(101 + number, 1, 10.0 + number % 5) for number in range(_LIMIT)]
    return history_of((100, 1, 9.0), *bars).trimmed(_LIMIT)


def outcome(merged: Merged) -> tuple[list[int], int, int]:
    return minutes_of(merged.accepted), merged.first, merged.too_old


def test_the_newest_revision_of_each_bar_stays_in_time_order() -> None:
    merged = history_of((1, 5, 1.0), (3, 2, 3.0)).merged(bars_of((3, 4, 3.4), (2, 1, 2.0), (1, 4, 9.0), (3, 3, 3.3)))
    assert rows_of(merged.bars) == [(1, 5, 1.0), (2, 1, 2.0), (3, 4, 3.4)]
    assert outcome(merged) == ([2, 3], 1, 0)


def test_an_equal_revision_replaces_as_it_does_in_stores() -> None:
    merged = history_of((1, 5, 1.0)).merged(bars_of((1, 5, 1.5), (1, 5, 1.6)))
    assert rows_of(merged.bars) == [(1, 5, 1.6)]
    assert outcome(merged) == ([1], 0, 0)


def test_older_revisions_change_nothing() -> None:
    history = history_of((1, 5, 1.0), (2, 5, 2.0))
    merged = history.merged(bars_of((1, 4, 9.0), (2, 1, 9.0)))
    assert rows_of(merged.bars) == rows_of(history.bars)
    assert outcome(merged) == ([], 2, 0)


def test_no_revisions_change_nothing() -> None:
    assert outcome(full_history().merged(no_bars())) == ([], _LIMIT, 0)
    assert outcome(History().merged(no_bars())) == ([], 0, 0)


def test_a_bar_older_than_all_is_the_first_of_a_whole_history_and_left_out_of_a_cut_one() -> None:
    assert outcome(history_of((2, 1, 2.0)).merged(bars_of((1, 1, 1.0)))) == ([1], 0, 0)
    merged = full_history().merged(bars_of((100, 7, 1.0), (99, 1, 1.0), (113, 1, 4.0)))
    assert outcome(merged) == ([113], _LIMIT, 2)


def test_a_late_revision_recomputes_its_bar_and_what_follows() -> None:
    merged = full_history().merged(bars_of((112, 2, 5.0), (108, 2, 5.0)))
    assert merged.first == 7
    assert merged.first_to_compute(_CONTEXT) == 7
    assert merged.without_context(_CONTEXT) == 0


def test_bars_at_the_cut_have_too_few_before_them_and_serve_those_behind() -> None:
    merged = full_history().merged(bars_of((102, 2, 5.0), (104, 2, 5.0), (105, 2, 5.0)))
    assert merged.first == 1
    assert minutes_of(merged.bars)[merged.first_to_compute(_CONTEXT)] == 105
    assert merged.without_context(_CONTEXT) == 2
    # The newest bar is always told.
    assert merged.first_to_compute(1000) == _LIMIT - 1
    whole = history_of((1, 1, 1.0), (2, 1, 2.0)).merged(bars_of((1, 2, 1.5)))
    assert (whole.first_to_compute(_CONTEXT), whole.without_context(_CONTEXT)) == (0, 0)


def test_trimming_keeps_the_last_bars_and_knows_that_there_were_more() -> None:
    history = full_history()
    assert (minutes_of(history.bars), history.cut) == (list(range(101, 113)), True)
    exact = history_of(*((minute, 1, 1.0) for minute in range(_LIMIT)))
    assert exact.trimmed(_LIMIT) is exact


def test_nulls_survive_encoding() -> None:
    bars = bars_of((1, 2, 3.0))
    bars["vwap"] = np.nan
    decoded = decode(encode({_SPY: History(bars, cut=True), ("A", "5min"): History()}))
    assert list(decoded) == [_SPY, ("A", "5min")]
    assert decoded[_SPY].cut
    assert decoded[_SPY].bars.tobytes() == bars.tobytes()
    assert np.isnat(decoded[_SPY].bars["last_ingest_time"][0])
    assert len(decoded["A", "5min"].bars) == 0


def test_bars_of_another_release_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = encode({_SPY: full_history()})
    monkeypatch.setattr(module, "_ENCODED", module._ENCODED.with_metadata({"bars": "other fields"}))
    with pytest.raises(InvalidInputError, match=r"another release.*remove the query's checkpoint"):
        decode(encoded)


@pytest.mark.parametrize("first", [0, 1, 20, 21, 40, 59, 60])
def test_columns_from_a_bar_on_are_those_of_all_bars(first: int) -> None:
    bars = bars_of(*((minute, 1, 10.0 + minute % 7) for minute in range(60)))
    bars["volume"] = np.arange(60) ** 2
    columns = computed(bars, first, _INDICATORS)
    closes, volumes = bars["close"], bars["volume"]
    for place in range(first, 60):
        row = {name: column[place - first] for name, column in columns.items()}
        assert np.array_equal(row["previous_close"], closes[place - 1] if place else np.nan, equal_nan=True)
        before = slice(place - 20, place)
        for name, values in (("average_close_20", closes), ("average_volume_20", volumes)):
            np.testing.assert_allclose(row[name], values[before].mean() if place >= 20 else np.nan, rtol=1e-12)
    assert all(len(column) == 60 - first for column in columns.values())


revisions = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 5), st.floats(1, 100, allow_subnormal=False)), max_size=40
)
"""(minute, trade_count, close), out of order and repeated."""


def expected_newest(batches: list[list[tuple[int, int, float]]]) -> dict[int, tuple[int, float]]:
    """All bars by minute: the plainest way to keep the newest revision."""
    newest: dict[int, tuple[int, float]] = {}
    for minute, count, close in (revision for batch in batches for revision in batch):
        if count >= newest.get(minute, (0, 0.0))[0]:
            newest[minute] = (count, close)
    return newest


def assert_as_of_all_bars(values: dict[int, dict[str, float]], newest: dict[int, tuple[int, float]]) -> None:
    closes: NDArray[np.float64] = np.array([newest[minute][1] for minute in sorted(newest)])
    expected = {"sma_3": talib.SMA(closes, 3), "sma_5": talib.SMA(closes, 5), "roc_4": talib.ROC(closes, 4)}
    for place, minute in enumerate(sorted(newest)):
        for name, column in expected.items():
            np.testing.assert_allclose(values[minute][name], column[place], rtol=1e-9, atol=1e-9)


@settings(max_examples=200, deadline=None)
@given(st.lists(revisions, max_size=8))
def test_emitted_values_end_as_those_of_all_bars(batches: list[list[tuple[int, int, float]]]) -> None:
    """With room for all bars every value that was told last is TA-Lib's on the bars as they are at the end."""
    history, told = History(), dict[int, dict[str, float]]()
    for batch in batches:
        merged = history.merged(bars_of(*batch))
        first = merged.first_to_compute(_CONTEXT)
        columns = computed(merged.bars, first, _INDICATORS)
        for place, minute in enumerate(minutes_of(merged.bars[first:])):
            told[minute] = {name: float(columns[name][place]) for name in ("sma_3", "sma_5", "roc_4")}
        history = merged.history.trimmed(100)
    newest = expected_newest(batches)
    assert [(minute, *newest[minute]) for minute in sorted(newest)] == rows_of(history.bars)
    assert_as_of_all_bars(told, newest)


@settings(max_examples=200, deadline=None)
@given(st.lists(revisions, max_size=8), st.integers(0, 8))
def test_folding_a_log_gives_the_history_that_was_kept(batches: list[list[tuple[int, int, float]]], at: int) -> None:
    """However a log is split into a snapshot and changes, and whatever was cut off on the way."""
    history, changes = History(), []
    for batch in batches:
        merged = history.merged(bars_of(*batch))
        changes.append({_SPY: History(merged.accepted)})
        history = merged.history.trimmed(_LIMIT)
    histories: dict[SeriesKey, History] = {}
    fold(histories, changes[:at], _LIMIT)
    histories = decode(encode(histories))
    fold(histories, [decode(encode(change)) for change in changes[at:]], _LIMIT)
    folded = histories.get(_SPY, History())
    assert folded.bars.tobytes() == history.bars.tobytes()
    assert folded.cut == history.cut
    # What is kept are the newest revisions of the last bars: what came too late is not between them.
    newest = expected_newest(batches)
    kept = sorted(newest)[-_LIMIT:]
    assert minutes_of(history.bars) == kept
    if not history.cut:
        assert rows_of(history.bars) == [(minute, *newest[minute]) for minute in kept]
