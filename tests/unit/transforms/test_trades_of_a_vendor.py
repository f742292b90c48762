"""The notebook of a vendor's trades needs the library alone: on any Spark, classic or over Spark Connect."""

from __future__ import annotations

import json
import math
import random
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tests.unit.transforms.sessions import ny

NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "08_trades_of_a_vendor.ipynb"
NOT_THE_FIFTEEN = ("parameters", "make-data", "end")

Trade = dict[str, Any]
Key = tuple[str, str, datetime]


def cells() -> dict[str, str]:
    read = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return {cell["id"]: "".join(cell["source"]) for cell in read if cell["cell_type"] == "code"}


def run(text: str, space: dict[str, Any]) -> None:
    exec(compile(text, NOTEBOOK.name, "exec"), space)  # noqa: S102 - our own notebook


def vendors_trades() -> list[Trade]:
    """Three days' trades and some around them, some of which cannot be used."""
    numbers = random.Random(8)
    trades = []
    for number in range(2_000):
        time = ny(f"2026-01-{numbers.choice((5, 6, 7)):02} 09:00").timestamp() + numbers.randrange(8 * 3600)
        trades.append(
            {
                "ticker": numbers.choice(["A", "B"]),
                # Each of its own nanosecond, so that no two are at once.
                "participant_timestamp": int(time) * 10**9 + number * 1_000 + 7,
                "price": numbers.choice([None, -1.0]) if number % 97 == 0 else round(numbers.uniform(10, 20), 2),
                "size": math.nan if number % 83 == 0 else float(numbers.randint(1, 300)),
                "conditions": numbers.choice([None, "", "37", "12,37", "12"]),
            }
        )
    return trades


def home_of(time: datetime, window: str) -> datetime | None:
    """When the window begins that a time is in; None outside of sessions."""
    opening = ny(f"{time.astimezone(ny('2026-01-05').tzinfo):%Y-%m-%d} 09:30")
    after = (time - opening).total_seconds()
    if not 0 <= after < 6.5 * 3600:
        return None
    begin = opening.timestamp() + (after // 1800 * 1800 if window == "30min@NY" else 0)
    return datetime.fromtimestamp(begin, UTC)


def plain_bars(trades: list[Trade]) -> dict[Key, dict[str, float]]:
    """Bars by loops."""
    held: dict[Key, list[Trade]] = {}
    for trade in sorted(trades, key=lambda trade: trade["participant_timestamp"]):
        if trade["price"] is None or trade["price"] <= 0 or math.isnan(trade["size"]):
            continue
        for window in ("30min@NY", "1d@NY"):
            start = home_of(datetime.fromtimestamp(trade["participant_timestamp"] // 10**9, UTC), window)
            if start is not None:
                held.setdefault((trade["ticker"], window, start), []).append(trade)
    bars = {}
    for key, own in held.items():
        prices = [t["price"] for t in own if "12" not in (t["conditions"] or "")] or [t["price"] for t in own]
        bars[key] = {
            "open": prices[0],
            "high": max(prices),
            "low": min(prices),
            "close": prices[-1],
            "volume": sum(t["size"] for t in own),
            "trade_count": len(own),
        }
    return bars


def rsi(closes: list[float], length: int) -> list[float | None]:
    """Wilder's: the mean of the first changes, then each change with a weight of one in `length`."""
    changes = [after - before for before, after in pairwise(closes)]
    values: list[float | None] = [None] * min(length, len(closes))
    up = sum(max(change, 0) for change in changes[:length]) / length
    down = sum(max(-change, 0) for change in changes[:length]) / length
    for number in range(length, len(closes)):
        if number > length:
            up = (up * (length - 1) + max(changes[number - 1], 0)) / length
            down = (down * (length - 1) + max(-changes[number - 1], 0)) / length
        values.append(100 * up / (up + down))
    return values


def test_fifteen_lines_make_bars_of_sessions_and_indicators(spark: SparkSession, tmp_path: Path) -> None:
    trades, file = vendors_trades(), tmp_path / "trades.parquet"
    pq.write_table(pa.Table.from_pylist(trades), file)
    fifteen = [text for name, text in cells().items() if name not in NOT_THE_FIFTEEN]
    assert sum(bool(line.strip()) for text in fifteen for line in text.splitlines()) <= 15
    space: dict[str, Any] = {"TRADES_FILE": str(file)}
    for text in (cells()["make-data"], *fifteen):
        run(text, space)
    space["scratch"].cleanup()

    times = {name: F.unix_seconds(name) for name in ("window_start", "window_end")}
    rows = space["analysed"].withColumns(times).sort("symbol", "window", "window_start").toArrow().to_pylist()
    found: dict[Key, dict[str, Any]] = {
        (row["symbol"], row["window"], datetime.fromtimestamp(row["window_start"], UTC)): row for row in rows
    }
    expected = plain_bars(trades)
    assert {key: {name: found[key][name] for name in bar} for key, bar in expected.items()} == expected
    assert found.keys() == expected.keys()
    assert len(expected) == 2 * (3 * 13 + 3)
    for symbol in ("A", "B"):
        series = [row for (of, window, _), row in found.items() if (of, window) == (symbol, "30min@NY")]
        closes = [row["close"] for row in series]
        averages = [None, None, *(sum(closes[n - 2 : n + 1]) / 3 for n in range(2, len(closes)))]
        assert [row["sma_3"] for row in series] == [each and pytest.approx(each, rel=1e-12) for each in averages]
        assert [row["rsi_5"] for row in series] == [each and pytest.approx(each, rel=1e-9) for each in rsi(closes, 5)]


def test_without_a_file_it_makes_trades_of_those_columns() -> None:
    space: dict[str, Any] = {"TRADES_FILE": None}
    run(cells()["make-data"], space)
    made = pq.read_table(space["source"])
    space["scratch"].cleanup()
    assert made.column_names == ["ticker", "participant_timestamp", "price", "size", "conditions"]
    first = datetime.fromtimestamp(made["participant_timestamp"][0].as_py() // 10**9, UTC)
    assert first.date() == ny("2026-01-05 09:30").date()
    assert made.num_rows > 10_000
