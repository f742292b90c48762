"""Bars of sessions: expected rows by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.schemas.calendars import Calendar
from mdstream.schemas.session_windows import Window, parse_window
from mdstream.transforms import to_bars
from tests.unit.transforms.sessions import futures, jp, ny, stock_exchange, us, with_lunch
from tests.unit.transforms.test_any_session import session_of

Found = list[tuple[Any, ...]]


def trades(spark: SparkSession, times: Sequence[datetime], price: float = 10.0) -> DataFrame:
    """A trade at each time, the n-th at a price higher by n."""
    rows = [("A", int(time.timestamp() * 1_000_000), price + number, 2.0) for number, time in enumerate(times)]
    frame = spark.createDataFrame(rows, "symbol string, at bigint, price double, size double")
    return frame.withColumn("event_time", F.timestamp_micros("at")).drop("at")


def windows_of(calendar: Calendar, *texts: str) -> list[Window]:
    return [parse_window(f"{text}@{calendar.name}" if "@" not in text else text, [calendar]) for text in texts]


def found(bars: DataFrame, *columns: str) -> Found:
    """Window, start, end and the given columns of each bar, in order; times are UTC."""
    rows = bars.sort("window", "window_start").toArrow().to_pylist()
    names = ("window", "window_start", "window_end", *columns)
    return [tuple(_plain(row[name]) for name in names) for row in rows]


def _plain(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def span(window: str, start: datetime, end: datetime, *more: object) -> tuple[Any, ...]:
    return (window, start.astimezone(UTC), end.astimezone(UTC), *more)


def test_half_hours_begin_at_the_open_and_end_at_the_close(spark: SparkSession) -> None:
    times = [
        ny("2026-03-06 09:29"), ny("2026-03-06 09:30"), ny("2026-03-06 09:59"), ny("2026-03-06 15:59"),
        ny("2026-03-06 16:00"), ny("2026-03-09 09:30"), ny("2026-03-10 12:59"), ny("2026-03-10 13:00"),
    ]  # fmt: skip
    calendar = stock_exchange()
    windows = windows_of(calendar, "30min", "1h", "1d")
    bars = trades(spark, times).transform(to_bars, windows)
    assert found(bars, "open", "close", "volume", "trade_count") == [
        # The clocks change on the 8th; the last hour of a day is cut at its close.
        span("1d@NY", ny("2026-03-06 09:30"), ny("2026-03-06 16:00"), 11.0, 13.0, 6.0, 3),
        span("1d@NY", ny("2026-03-09 09:30"), ny("2026-03-09 16:00"), 15.0, 15.0, 2.0, 1),
        span("1d@NY", ny("2026-03-10 09:30"), ny("2026-03-10 13:00"), 16.0, 16.0, 2.0, 1),
        span("1h@NY", ny("2026-03-06 09:30"), ny("2026-03-06 10:30"), 11.0, 12.0, 4.0, 2),
        span("1h@NY", ny("2026-03-06 15:30"), ny("2026-03-06 16:00"), 13.0, 13.0, 2.0, 1),
        span("1h@NY", ny("2026-03-09 09:30"), ny("2026-03-09 10:30"), 15.0, 15.0, 2.0, 1),
        span("1h@NY", ny("2026-03-10 12:30"), ny("2026-03-10 13:00"), 16.0, 16.0, 2.0, 1),
        span("30min@NY", ny("2026-03-06 09:30"), ny("2026-03-06 10:00"), 11.0, 12.0, 4.0, 2),
        span("30min@NY", ny("2026-03-06 15:30"), ny("2026-03-06 16:00"), 13.0, 13.0, 2.0, 1),
        span("30min@NY", ny("2026-03-09 09:30"), ny("2026-03-09 10:00"), 15.0, 15.0, 2.0, 1),
        span("30min@NY", ny("2026-03-10 12:30"), ny("2026-03-10 13:00"), 16.0, 16.0, 2.0, 1),
    ]


def test_what_is_outside_of_sessions_has_bars_of_its_own_if_asked(spark: SparkSession) -> None:
    times = [ny(f"2026-03-{time}") for time in ("06 08:10", "06 09:29", "06 09:30", "06 16:00", "06 17:10", "07 01:00")]
    windows = windows_of(stock_exchange(), "1h", "1d")
    bars = trades(spark, times).transform(to_bars, windows, extended=True)
    assert found(bars, "trade_count", "extended") == [
        span("1d@NY", ny("2026-03-06 00:00"), ny("2026-03-06 09:30"), 2, True),
        span("1d@NY", ny("2026-03-06 09:30"), ny("2026-03-06 16:00"), 1, False),
        span("1d@NY", ny("2026-03-06 16:00"), ny("2026-03-07 00:00"), 2, True),
        span("1d@NY", ny("2026-03-07 00:00"), ny("2026-03-08 00:00"), 1, True),
        span("1h@NY", ny("2026-03-06 08:00"), ny("2026-03-06 09:00"), 1, True),
        span("1h@NY", ny("2026-03-06 09:00"), ny("2026-03-06 09:30"), 1, True),
        span("1h@NY", ny("2026-03-06 09:30"), ny("2026-03-06 10:30"), 1, False),
        span("1h@NY", ny("2026-03-06 16:00"), ny("2026-03-06 17:00"), 1, True),
        span("1h@NY", ny("2026-03-06 17:00"), ny("2026-03-06 18:00"), 1, True),
        span("1h@NY", ny("2026-03-07 01:00"), ny("2026-03-07 02:00"), 1, True),
    ]


def test_a_break_is_no_session_and_evening_opens_are(spark: SparkSession) -> None:
    tokyo = [jp(time) for time in ("09:00", "11:00", "12:00", "12:30", "15:29")]
    lunch = trades(spark, tokyo).transform(to_bars, windows_of(with_lunch(), "2h", "1d"))
    assert found(lunch, "trade_count") == [
        span("1d@T", jp("09:00"), jp("15:30"), 4),
        span("2h@T", jp("09:00"), jp("11:00"), 1),
        span("2h@T", jp("11:00"), jp("11:30"), 1),
        span("2h@T", jp("12:30"), jp("14:30"), 1),
        span("2h@T", jp("14:30"), jp("15:30"), 1),
    ]
    chicago = [us(time) for time in ("05 17:00", "06 15:00", "07 12:00", "08 17:00", "09 03:00")]
    evenings = trades(spark, chicago).transform(to_bars, windows_of(futures(), "1d", "1w"))
    # Sunday's evening is of Monday's session and week.
    days = [(us("05 17:00"), us("06 16:00")), (us("08 17:00"), us("09 16:00"))]
    assert found(evenings, "trade_count") == [span(name, *day, 2) for name in ("1d@F", "1w@F") for day in days]


def test_weeks_months_and_quarters_are_of_a_zone_or_of_sessions(spark: SparkSession) -> None:
    times = [ny(f"2026-{time}") for time in ("03-05 10:00", "03-08 12:00", "03-09 10:00", "03-31 23:00", "04-01 11:00")]
    windows = windows_of(stock_exchange(), "1w", "1mo", "1q", "1mo@America/New_York", "1w@UTC")
    bars = trades(spark, times).transform(to_bars, windows)
    assert found(bars, "trade_count") == [
        span("1mo@America/New_York", ny("2026-03-01 00:00"), ny("2026-04-01 00:00"), 4),
        span("1mo@America/New_York", ny("2026-04-01 00:00"), ny("2026-05-01 00:00"), 1),
        span("1mo@NY", ny("2026-03-05 09:30"), ny("2026-03-10 13:00"), 2),
        span("1mo@NY", ny("2026-04-01 09:30"), ny("2026-04-02 16:00"), 1),
        span("1q@NY", ny("2026-03-05 09:30"), ny("2026-03-10 13:00"), 2),
        span("1q@NY", ny("2026-04-01 09:30"), ny("2026-04-02 16:00"), 1),
        span("1w@NY", ny("2026-03-05 09:30"), ny("2026-03-06 16:00"), 1),
        span("1w@NY", ny("2026-03-09 09:30"), ny("2026-03-10 13:00"), 1),
        span("1w@NY", ny("2026-04-01 09:30"), ny("2026-04-02 16:00"), 1),
        span("1w@UTC", datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC), 2),
        span("1w@UTC", datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 16, tzinfo=UTC), 1),
        span("1w@UTC", datetime(2026, 3, 30, tzinfo=UTC), datetime(2026, 4, 6, tzinfo=UTC), 2),
    ]


def test_any_session_of_spark_gives_the_same(spark: SparkSession) -> None:
    times = [ny(f"2026-03-{day:02} {hour:02}:15") for day in (5, 6, 8, 9, 10) for hour in range(4, 24, 3)]
    windows = windows_of(stock_exchange(), "1min@UTC", "30min", "1d", "1mo@Asia/Kolkata")

    def bars() -> Found:
        made = trades(spark, times).transform(to_bars, [*windows, "1h"], extended=True)
        micros = made.withColumns({name: F.unix_micros(name) for name in ("window_start", "window_end")})
        return found(micros.drop("last_event_time", "last_ingest_time"), "open", "vwap", "extended")

    with session_of(spark, "UTC", "TIMESTAMP_LTZ", "true"):
        expected = bars()
    assert len(expected) > 100
    for zone in ("America/New_York", "Asia/Kolkata"):
        with session_of(spark, zone, "TIMESTAMP_NTZ", "false"):
            assert bars() == expected, zone


def test_plain_windows_beside_those_of_a_calendar_are_as_alone(spark: SparkSession) -> None:
    times = [ny(f"2026-03-06 {hour:02}:{minute:02}") for hour in (4, 9, 12, 20) for minute in (0, 29, 31)]
    frame = trades(spark, times)
    alone = found(frame.transform(to_bars, ["1min", "1h"]), "open", "high", "low", "close", "volume", "vwap")
    beside = frame.transform(to_bars, ["1min", *windows_of(stock_exchange(), "30min"), "1h"])
    plain = beside.where("window in ('1min', '1h')")
    assert found(plain, "open", "high", "low", "close", "volume", "vwap") == alone


def test_what_cannot_be_right_is_refused(spark: SparkSession) -> None:
    calendar = stock_exchange()
    half = windows_of(calendar, "30min")
    with pytest.raises(InvalidInputError, match="expected windows with different names, found: 30min@NY, 30min@NY"):
        trades(spark, [ny("2026-03-06 10:00")]).transform(to_bars, half * 2)
    with pytest.raises(Exception, match=r"not within the calendar NY: .*it goes from 2026-03-05T05:00:00"):
        trades(spark, [ny("2026-03-04 10:00")]).transform(to_bars, half).collect()
    no_time = trades(spark, [ny("2026-03-06 10:00")]).withColumn("event_time", F.lit(None).cast("timestamp"))
    with pytest.raises(Exception, match="found a trade with event_time missing"):
        no_time.transform(to_bars, half).collect()
    cancelled = trades(spark, [ny("2026-03-06 10:00"), ny("2026-03-04 10:00")]).withColumn(
        "conditions", F.array(F.lit("cancel"))
    )
    assert cancelled.transform(to_bars, half).collect() == []
