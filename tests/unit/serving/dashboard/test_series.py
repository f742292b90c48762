"""What a chart holds never goes back, whatever order records come in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.errors import InvalidInputError
from mdstream.schemas.wire import from_micros, to_micros
from mdstream.serving.dashboard.anomalies import AnomalyFeed
from mdstream.serving.dashboard.charts import Charts
from mdstream.serving.dashboard.openings import Openings
from mdstream.serving.dashboard.quotes import Missing, Quotes
from mdstream.serving.dashboard.series import ChartSeries

MINUTE = 60_000_000
DAY = 86_400_000_000


def bar(start: int, count: int, close: float = 1.0, **fields: object) -> dict[str, Any]:
    prices = {"open": 1.0, "high": 2.0, "low": 0.5, "close": close, "volume": 10.0, "vwap": None}
    place = {"symbol": "AAPL", "window": "1min", "window_start": start, "trade_count": count}
    return place | prices | {"last_event_time": start + count} | fields


def anomaly(start: int, count: int = 1, rule: str = "spike", **fields: object) -> dict[str, Any]:
    words = {"severity": "high", "message": "odd", "detected_time": start + count}
    place = {"symbol": "AAPL", "window": "1min", "window_start": start, "rule": rule, "trade_count": count}
    return place | words | fields


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), min_size=1))
def test_any_order_of_revisions_ends_with_the_newest(revisions: list[tuple[int, int]]) -> None:
    series = ChartSeries(10, [])
    shown: dict[int, int] = {}
    for version, (place, count) in enumerate(revisions, 1):
        series.take_bar(bar(place * MINUTE, count, close=float(count)), version)
        now = {each["start"]: each["trade_count"] for each in series.bars_since(0)}
        assert all(now[start] >= count for start, count in shown.items())
        shown = now
    newest = {place * 60_000: max(n for p, n in revisions if p == place) for place, _ in revisions}
    assert shown == newest
    assert [each["close"] for each in series.bars_since(0)] == [float(newest[start]) for start in sorted(newest)]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9))), st.integers(0, 10))
def test_a_page_that_asks_for_changes_sees_what_one_that_asks_for_all_does(
    revisions: list[tuple[int, int]], asked_after: int
) -> None:
    series = ChartSeries(10, [])
    page: dict[int, Any] = {}
    version = 0
    for place, count in revisions[:asked_after]:
        version += 1
        series.take_bar(bar(place * MINUTE, count), version)
    page.update((each["start"], each) for each in series.bars_since(0))
    seen = version
    for place, count in revisions[asked_after:]:
        version += 1
        series.take_bar(bar(place * MINUTE, count), version)
    page.update((each["start"], each) for each in series.bars_since(seen))
    assert page == {each["start"]: each for each in series.bars_since(0)}


def test_the_same_again_is_no_change() -> None:
    series = ChartSeries(10, ["rsi_14"])
    assert series.take_bar(bar(0, 3), 1)
    # The database tells more fields than Kafka, and empty ones.
    assert not series.take_bar(bar(0, 3, last_ingest_time=None), 2)
    values = {"window_start": 0, "trade_count": 3, "rsi_14": 55.0}
    assert series.take_indicators(values, 3)
    assert not series.take_indicators(values | {"sma_20": 1.0}, 4)
    assert list(series.bars_since(3)) == []


def test_indicators_wait_for_their_bar_and_may_change_under_the_same_revision() -> None:
    series = ChartSeries(10, ["rsi_14", "sma_20"])
    series.take_indicators({"window_start": 0, "trade_count": 2, "rsi_14": 55.0}, 1)
    assert list(series.bars_since(0)) == []
    series.take_bar(bar(0, 2), 2)
    assert [each["values"] for each in series.bars_since(1)] == [(55.0, None)]
    assert series.take_indicators({"window_start": 0, "trade_count": 2, "rsi_14": 56.0}, 3)
    assert not series.take_indicators({"window_start": 0, "trade_count": 1, "rsi_14": 99.0}, 4)
    assert [each["values"] for each in series.bars_since(2)] == [(56.0, None)]


def test_old_bars_make_room_and_do_not_come_back() -> None:
    series = ChartSeries(3, [])
    series.take_anomaly(anomaly(0), 1)
    for place in range(5):
        series.take_bar(bar(place * MINUTE, 1), place + 1)
    assert [each["start"] for each in series.bars_since(0)] == [120_000, 180_000, 240_000]
    assert not series.take_bar(bar(0, 9), 9)
    assert list(series.anomalies_since(0)) == []


def test_an_anomaly_is_one_however_often_its_bar_is_revised() -> None:
    series, feed = ChartSeries(10, []), AnomalyFeed()
    for version, found in enumerate([anomaly(0, 2), anomaly(0, 5, severity="critical"), anomaly(0, 3)], 1):
        assert series.take_anomaly(found, version) == feed.take(found, version) == (version < 3)
    assert [each["severity"] for each in series.anomalies_since(0)] == ["critical"]
    assert [each["severity"] for each in feed.since(0)] == ["critical"]
    for place in range(2 * AnomalyFeed.CAPACITY):
        feed.take(anomaly(place * MINUTE), 10)
    assert len([*feed.since(0)]) == AnomalyFeed.CAPACITY
    assert min(each["start"] for each in feed.since(0)) == AnomalyFeed.CAPACITY * 60_000


def shown(quotes: Quotes) -> list[tuple[float, float, float]]:
    return [(quote["last"], quote["opened"], quote["volume"]) for quote in quotes.since(0)]


def test_a_quote_never_goes_back_and_starts_a_session_with_its_first_price() -> None:
    quotes = Quotes(Openings({}))
    quotes.take_bar(bar(DAY - MINUTE, 5, close=10.0, volume=7.0), 1)
    [missing] = quotes.missing()
    assert missing == Missing("AAPL", 0, DAY - MINUTE)
    quotes.take_missing(missing, 8.0, 100.0, 2)
    quotes.take_missing(missing, 1.0, 1.0, 2)  # asked for once more meanwhile
    assert not quotes.take_bar(bar(DAY - 2 * MINUTE, 9, close=99.0), 3)
    assert not quotes.take_bar(bar(DAY - MINUTE, 4, close=99.0), 3)
    assert shown(quotes) == [(10.0, 8.0, 107.0)]

    quotes.take_bar(bar(DAY, 1, close=11.0, open=10.5, volume=2.0), 4)
    quotes.take_missing(missing, 1.0, 1.0, 5)  # an answer that was asked for yesterday
    assert shown(quotes) == [(11.0, 10.5, 2.0)]
    quotes.take_missing(Missing("AAPL", DAY, DAY), None, 0, 6)
    assert quotes.missing() == []


def test_volume_of_a_session_has_each_bar_once() -> None:
    quotes = Quotes(Openings({}))
    for start, count, volume in ((0, 1, 3.0), (0, 2, 5.0), (MINUTE, 1, 2.0), (MINUTE, 4, 8.0), (MINUTE, 3, 6.0)):
        quotes.take_bar(bar(start, count, close=10.0, volume=volume), 1)
    assert [volume for _, _, volume in shown(quotes)] == [13.0]
    quotes.reload()
    [missing] = quotes.missing()
    assert missing == Missing("AAPL", 0, MINUTE)
    quotes.take_missing(missing, 9.0, 6.0, 2)  # of the first minute there was more in the end
    assert shown(quotes) == [(10.0, 9.0, 14.0)]


def test_sessions_begin_as_their_calendars_say() -> None:
    pytest.importorskip("exchange_calendars")
    openings = Openings({"AAPL": "XNYS", "BTC": "24/7", "*": "Europe/London"})
    night, morning = datetime(2026, 7, 3, 3, tzinfo=UTC), datetime(2026, 7, 2, 13, 30, tzinfo=UTC)
    found = {symbol: from_micros(openings.before(symbol, to_micros(night))) for symbol in ("AAPL", "BTC", "SAP")}
    assert found == {"AAPL": morning, "BTC": night.replace(hour=0), "SAP": night - timedelta(hours=4)}
    friday, monday = datetime(2026, 7, 6, 13, 29, 59, tzinfo=UTC), datetime(2026, 7, 6, 13, 30, tzinfo=UTC)
    assert from_micros(openings.before("AAPL", to_micros(friday))) == morning, "Friday was a holiday"
    assert from_micros(openings.before("AAPL", to_micros(monday))) == monday
    with pytest.raises(InvalidInputError, match="XNYSE"):
        Openings({"*": "XNYSE"})


def test_charts_that_nobody_looks_at_are_closed() -> None:
    charts = Charts(300, [])
    first = charts.open("AAPL", "1min", now=0.0, is_known=True)
    assert charts.open("AAPL", "1min", now=50.0, is_known=True) is first
    charts.open("MSFT", "1min", now=50.0, is_known=True)
    charts.close_unseen(now=109.0)
    assert [chart.symbol for chart in charts] == ["AAPL", "MSFT"]
    charts.open("MSFT", "1min", now=109.0, is_known=True)
    charts.close_unseen(now=111.0)
    assert charts.get("AAPL", "1min") is None
    assert charts.get("MSFT", "1min")


def test_charts_are_bounded() -> None:
    charts = Charts(300, [])
    for number in range(1000):
        charts.open(f"S{number}", "1min", now=float(number) / 1000, is_known=True)
        charts.open("S0", "1min", now=float(number) / 1000, is_known=True)
        assert len([*charts]) <= 200
    assert charts.get("S999", "1min")
    assert charts.get("S0", "1min")


def test_charts_of_made_up_symbols_take_the_place_of_no_other() -> None:
    charts = Charts(300, [])
    known = [charts.open(f"S{number}", "1min", now=0.0, is_known=True) for number in range(190)]
    for number in range(1000):
        charts.open(f"ZZ{number}", "1min", now=1.0, is_known=False)
    assert len([*charts]) == 200
    assert all(charts.get(chart.symbol, "1min") is chart for chart in known)
    late = charts.open("LATE", "1min", now=2.0, is_known=True)
    assert charts.get("LATE", "1min") is late
    due = [chart for chart, _ in charts.due(2.0, live=True)]
    assert [chart.is_known for chart in due] == [True] * 191 + [False] * 9


def test_history_is_read_whole_then_its_end_and_whole_again_after_an_outage() -> None:
    charts = Charts(300, [])
    chart = charts.open("AAPL", "1min", now=0.0, is_known=True)
    assert [*charts.due(0.0, live=True)] == [(chart, 300)]
    told = dict.fromkeys(("predicted_price", "lower", "upper", "naive_price", "beats_naive", "relative_mae"))
    told |= {"horizon_minutes": 5, "target_time": 6 * MINUTE, "made_at": MINUTE}
    chart.loaded([bar(0, 1)], [], [], [told], version=1, now=0.0)
    assert [each["target"] for each in chart.since(0)["forecasts"]] == [360_000]
    assert chart.since(0)["loaded"]
    assert [*charts.due(2.0, live=True)] == []
    assert [*charts.due(2.0, live=False)] == [(chart, 5)]
    assert [*charts.due(11.0, live=True)] == [(chart, 5)]
    charts.reload()
    assert [*charts.due(0.0, live=True)] == [(chart, 300)]
