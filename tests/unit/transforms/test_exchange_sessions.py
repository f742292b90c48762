"""Every open and close of ten exchanges in five years, as `exchange_calendars` has them, DST weeks included."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mdstream.schemas.calendars import Calendar
from mdstream.schemas.session_windows import SessionWindow
from mdstream.transforms.session_columns import with_windows

exchange_calendars = pytest.importorskip("exchange_calendars")

EXCHANGES = ("XNYS", "CMES", "XLON", "XTKS", "XHKG", "XSHG", "XBOM", "XASX", "BVMF", "XTAE", "24/7")
FIRST, LAST = date(2019, 1, 1), date(2023, 12, 31)
_MINUTE = 60_000_000


def spans_of(exchange: str) -> list[tuple[int, int]]:
    """Open and close of each stretch in microseconds, straight from the schedule."""
    calendar = exchange_calendars.get_calendar(exchange, start=FIRST.isoformat(), end=LAST.isoformat())
    spans = []
    for row in calendar.schedule.itertuples():
        # What is not there is not equal to itself.
        ends = [end for end in (row.open, row.break_start, row.break_end, row.close) if end == end]
        micros = [end.value // 1000 for end in ends]
        spans += list(zip(micros[::2], micros[1::2], strict=True))
    return spans


def expected(spans: list[tuple[int, int]], opens: list[int], at: int) -> tuple[int, int] | None:
    """The half hour from the open on that an instant is in; None outside of sessions."""
    index = bisect_right(opens, at) - 1
    if index < 0 or at >= spans[index][1]:
        return None
    start, close = spans[index]
    begin = start + (at - start) // (30 * _MINUTE) * 30 * _MINUTE
    return begin, min(begin + 30 * _MINUTE, close)


def test_every_open_and_close_is_hit(spark: SparkSession) -> None:
    calendars = [Calendar.of_exchange(name, FIRST, LAST) for name in EXCHANGES]
    windows = [SessionWindow(f"30min@{each.name}", each, 1800) for each in calendars]
    # Each instant is looked up in all of them.
    first, last = max(each.first for each in calendars), min(each.last for each in calendars)
    asked, wanted = [], {}
    for number, name in enumerate(EXCHANGES):
        spans = spans_of(name)
        opens = [start for start, _ in spans]
        around = {instant + off for span in spans for instant in span for off in (-1, 0, _MINUTE)}
        for at in sorted(at for at in around if first <= at / 1e6 < last):
            asked.append((number, at))
            wanted[number, at] = expected(spans, opens, at)
        assert len(spans) > 1_150, name
    rows = spark.createDataFrame(asked, "exchange int, at bigint")
    placed = rows.transform(with_windows, F.col("at"), windows).where("placed.number = exchange")
    found = {
        (row["exchange"], row["at"]): None if row["extended"] else (row["start"], row["end"])
        for row in placed.select("exchange", "at", "placed.*").toArrow().to_pylist()
    }
    wrong = [(EXCHANGES[number], at, found[number, at], want) for (number, at), want in wanted.items()
             if found[number, at] != want]  # fmt: skip
    assert not wrong, wrong[:5]
    assert sum(want is None for want in wanted.values()) > 20_000
