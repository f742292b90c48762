"""When a forecast is due in a stream of revisions, and what it is made from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from mdstream.forecasting.closed_bar import closed_bar, read_closed_bar
from mdstream.indicators.history import BAR_TYPE, Bars, History
from tests.unit.forecasting.series import random_walk

FIRST = datetime(2024, 5, 6, 13, 30)  # noqa: DTZ001 - numpy's times are in UTC and do not say so
PRICES = random_walk(80).close


def revision(minute: int, close: float | None = None, trade_count: int = 1) -> Bars:
    bar = np.zeros(1, BAR_TYPE)
    bar["window_start"] = FIRST + timedelta(minutes=minute)
    bar["window_end"] = FIRST + timedelta(minutes=minute + 1)
    bar["close"] = PRICES[minute] if close is None else close
    bar["volume"] = 10
    bar["trade_count"] = trade_count
    return bar


def history(minutes: int) -> History:
    return History(np.concatenate([revision(minute) for minute in range(minutes)]) if minutes else History().bars)


def due(known: History, *revisions: Bars) -> bytes | None:
    merged = known.merged(np.concatenate(revisions))
    known_until = known.bars["window_start"][-1] if len(known.bars) else None
    return closed_bar(merged.bars, merged.accepted, known_until)


def test_the_first_revision_of_the_next_bar_makes_a_forecast_due_from_the_bar_before() -> None:
    content = due(history(70), revision(70))

    assert content is not None
    bar = read_closed_bar("AAPL", content)
    assert (bar.symbol, bar.end) == ("AAPL", datetime(2024, 5, 6, 14, 40, tzinfo=UTC))
    assert bar.close == PRICES[69]
    assert bar.features[0] == pytest.approx(np.log(PRICES[69] / PRICES[68]))
    assert np.isfinite(bar.features).all()


@pytest.mark.parametrize(
    "revisions",
    [
        [revision(70, 1.0, 2)],
        [revision(70, 1.0, 2), revision(70, 2.0, 3)],
        [revision(68, 1.0, 2)],
        [revision(3, 1.0, 2), revision(70, 1.0, 2)],
    ],
    ids=["of the forming bar", "twice", "late, of a bar before the closed one", "both"],
)
def test_revisions_of_other_bars_make_none_due(revisions: list[Bars]) -> None:
    assert due(history(71), *revisions) is None


def test_a_late_trade_in_the_closed_bar_makes_one_due_again() -> None:
    content = due(history(71), revision(69, 123.0, 2))
    assert content is not None
    assert read_closed_bar("AAPL", content).close == 123.0


def test_an_older_revision_of_the_closed_bar_is_nothing_new() -> None:
    assert due(history(71), revision(69, 123.0, 0)) is None


def test_nothing_of_the_forming_bar_is_in_the_features() -> None:
    calm, wild = due(history(70), revision(70)), due(history(70), revision(70, 1e6))
    assert calm == wild


def test_of_several_bars_at_once_the_newest_closed_one_counts() -> None:
    content = due(history(70), revision(70), revision(71), revision(72))
    assert content is not None
    assert read_closed_bar("AAPL", content).end == datetime(2024, 5, 6, 14, 42, tzinfo=UTC)


def test_a_series_that_has_just_begun_has_no_closed_bar() -> None:
    assert due(history(0), revision(0)) is None
    assert due(history(0), revision(0), revision(1)) is not None


def test_while_warming_up_features_are_missing() -> None:
    content = due(history(10), revision(10))
    assert content is not None
    assert np.isnan(read_closed_bar("AAPL", content).features).any()
