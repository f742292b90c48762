"""The Python of README and pages, run as it stands on a few trades, or the reason why it is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import mdstream as md
from mdstream.config import Settings, load_rules
from mdstream.schemas import QUOTE, STORED_TICK
from mdstream.schemas.spark import spark_schema
from mdstream.testing import frame_of
from tests.unit.docs.pages import PAGES, samples

NOT_HERE = {
    "docs/extending.md": "tests/unit/extensions installs and uses them",
    "docs/how-to/rest.md": "asks a server on its usual port; tests/servers/serving asks the same of one on another",
    "docs/how-to/forecasts.md": "wants a trained model; tests/servers/forecasting has one",
}
OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
"""Of New York's exchange, a Monday."""


class Catalogue:
    """The session, with the tables that the pages read from."""

    def __init__(self, spark: SparkSession, trades: DataFrame) -> None:
        self._spark, self._trades = spark, trades

    def table(self, name: str) -> DataFrame:
        assert name == "vendor.trades"
        return self._trades

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the session has
        return getattr(self._spark, name)


@pytest.fixture
def vendors(spark: SparkSession) -> DataFrame:
    """Two trades a minute and a half apart, and one that cannot be used."""
    first = int(OPEN.timestamp()) * 10**9
    later = first + 90 * 10**9
    rows = [("AAPL", first, 190.0, 100, "12,37"), ("AAPL", later, 191.0, 50, ""), ("AAPL", first, -1.0, 5, "")]
    return spark.createDataFrame(
        rows, "ticker string, participant_timestamp bigint, price double, size int, conditions string"
    )


def run(page: str, number: int, **names: object) -> dict[str, Any]:
    """Run a sample of a page, and return what it has named."""
    space = {"md": md, **names}
    exec(compile(samples(page, "python")[number], f"{page}[{number}]", "exec"), space)  # noqa: S102 - our own pages
    return space


def closes(bars: DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in bars.select("window", "close", *columns).collect())


def test_every_sample_is_run_or_says_why_not() -> None:
    run_here = {
        "README.md",
        "docs/how-to/own-table.md",
        "docs/concepts/sessions.md",
        "docs/start/notebook.md",
        "docs/quotes.md",
        "docs/how-to/rules.md",
        "docs/volatility.md",
    }
    assert {page for page in PAGES if samples(page, "python")} == run_here | NOT_HERE.keys()


def test_bars_of_the_readme_and_of_ones_own_table(spark: SparkSession, vendors: DataFrame) -> None:
    pytest.importorskip("exchange_calendars")
    catalogue = Catalogue(spark, vendors)
    readme = run("README.md", 0, spark=catalogue)
    assert {"rsi_14", "macd_hist"} <= set(readme["analysed"].columns)
    assert closes(readme["bars"], "trade_count") == [
        ("1d@XNYS", 191.0, 2), ("1min", 190.0, 1), ("1min", 191.0, 1), ("30min@XNYS", 191.0, 2),
    ]  # fmt: skip

    # The next two there are streams, which tests/streaming runs; the last makes ticks, as the notebook's first does.
    own = run("docs/how-to/own-table.md", 0, spark=catalogue)
    assert closes(own["bars"]) == [("1min", 190.0), ("1min", 191.0), ("5min", 191.0)]


def test_sessions_and_what_is_made_of_their_bars(spark: SparkSession, vendors: DataFrame) -> None:
    pytest.importorskip("exchange_calendars")
    trades = vendors.where("price > 0").transform(
        md.with_trade_columns, symbol="ticker", event_time="participant_timestamp", unit="ns"
    )
    opened = OPEN.replace(hour=14, minute=0)
    spans = run("docs/concepts/sessions.md", 0, trades=trades, opened=opened, closed=opened + timedelta(hours=2))
    assert closes(spans["own"]) == [("1h@mine", 191.0)]
    assert {"window_start", "extended"} <= set(spans["apart"].columns)

    actions = spark.createDataFrame(
        [("AAPL", 2.0, None, OPEN + timedelta(days=1))],
        "symbol string, split double, dividend double, effective_time timestamp",
    )
    made = run("docs/concepts/sessions.md", 1, trades=trades, actions=actions, recording_began=F.lit(OPEN))
    assert closes(made["adjusted"].where("window = '1d@XNYS'")) == [("1d@XNYS", 95.5)]


def test_quotes_of_two_exchanges_and_a_trade_between_them(spark: SparkSession, tmp_path: Path) -> None:
    pytest.importorskip("exchange_calendars")
    quote = {"symbol": "AAPL", "event_time": OPEN, "bid_size": 1.0, "ask_size": 1.0}
    rows = [
        {**quote, "exchange": "N", "bid": 99.0, "ask": 100.5},
        {**quote, "exchange": "P", "bid": 99.5, "ask": 101.0},
    ]
    trade = {"symbol": "AAPL", "event_time": OPEN + timedelta(seconds=1), "price": 100.5, "size": 10.0}
    made = run("docs/quotes.md", 0, quotes=frame_of(spark, QUOTE, rows), trades=frame_of(spark, STORED_TICK, [trade]))
    [best] = made["best"].select("bid", "ask").distinct().collect()
    assert (best["bid"], best["ask"]) == (99.5, 100.5)
    [paid] = made["paid"].select("sign", "effective_spread").collect()
    assert (paid["sign"], paid["effective_spread"]) == (1, 1.0)
    assert {row["signed_volume"] for row in made["flow"].collect()} == {10.0}
    trades, quotes = (
        spark.readStream.schema(spark_schema(record)).parquet(str(tmp_path)) for record in (STORED_TICK, QUOTE)
    )
    streamed = run("docs/quotes.md", 1, trades=trades, quotes=quotes)["met"]
    assert streamed.isStreaming
    assert {"price", "bid", "event_time_right"} <= set(streamed.columns)


def test_rules_on_quotes_and_signs(spark: SparkSession) -> None:
    """Of 22 minutes the last has a spread of 1 instead of 0.1, more volume, all of it bought, and a range of 9."""
    starts = [OPEN + timedelta(minutes=number) for number in range(22)]
    usual = {"symbol": "AAPL", "bid": 99.95, "ask": 100.05}
    quotes = [{**usual, "event_time": start} for start in starts[:-1]]
    quotes.append({**usual, "bid": 99.5, "ask": 100.5, "event_time": starts[-1]})
    second = timedelta(seconds=1)
    trades = [
        {"symbol": "AAPL", "event_time": start + second * (number + 1), "price": price, "size": 5.0}
        for start in starts[:-1]
        for number, price in enumerate((100.05, 99.95))
    ]
    at_last = {"symbol": "AAPL", "size": 50.0}
    trades += [
        {**at_last, "event_time": starts[-1] + second * n, "price": price} for n, price in ((1, 101.0), (2, 110.0))
    ]
    made = run(
        "docs/how-to/rules.md", 0, quotes=frame_of(spark, QUOTE, quotes), trades=frame_of(spark, STORED_TICK, trades)
    )
    found = {row["rule"]: row for row in made["anomalies"].collect()}
    assert {name: row["window_start"].timestamp() for name, row in found.items()} == dict.fromkeys(
        ("wide_spread", "one_sided_volume", "volatility_breakout"), starts[-1].timestamp()
    )
    assert (round(found["wide_spread"]["value"], 9), found["one_sided_volume"]["value"]) == (1.0, 100.0)


def test_the_rule_of_the_page_finds_what_it_says(spark: SparkSession, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(samples("docs/start/own-rule.md", "yaml")[0], encoding="utf-8")
    trades = [
        {"symbol": symbol, "event_time": OPEN + timedelta(seconds=second), "price": price, "size": 5.0}
        for symbol, close in (("FLAT", 100.05), ("UP", 100.2), ("FAR", 101.0))
        for second, price in ((1, 100.0), (2, close))
    ]
    bars = frame_of(spark, STORED_TICK, trades).transform(md.to_bars, ["1min", "5min"])
    analysed = bars.transform(md.with_indicators, ["rsi(14)"])
    found = analysed.transform(md.to_anomalies, load_rules(Settings(rules_file=file))).collect()
    assert sorted((row["symbol"], row["window"], row["severity"], row["message"]) for row in found) == [
        ("FAR", "1min", "critical", "up 1.00 % within a minute, to 101.00"),
        ("UP", "1min", "high", "up 0.20 % within a minute, to 100.20"),
    ]


def test_volatility_of_bars_of_the_pages(vendors: DataFrame) -> None:
    pytest.importorskip("exchange_calendars")
    trades = vendors.where("price > 0").transform(
        md.with_trade_columns, symbol="ticker", event_time="participant_timestamp", unit="ns"
    )
    made = run("docs/volatility.md", 0, minutes=trades.transform(md.to_bars, ["1min"]))
    [day] = made["days"].select("close", "log_return", "yang_zhang_20").collect()
    assert tuple(day) == (191.0, None, None)
    assert made["realised"].count() == 1


def test_the_notebooks_first_sample(spark: SparkSession, capsys: pytest.CaptureFixture[str]) -> None:
    """The second starts a session of its own, as tests/notebooks do in processes of their own."""
    run("docs/start/notebook.md", 0, spark=spark)
    assert "rsi_14" in capsys.readouterr().out
