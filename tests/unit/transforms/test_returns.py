"""Returns, drawdown, VWAP from an anchor, and beta: expected values by hand and by numpy."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.schemas import BAR
from mdstream.schemas.session_windows import parse_window
from mdstream.testing import frame_of
from mdstream.transforms import with_anchored_vwap, with_averages, with_beta, with_drawdown, with_returns
from tests.unit.transforms.frames import at, bar, bars_frame
from tests.unit.transforms.price_series import Found, bars_of, near
from tests.unit.transforms.sessions import ny, stock_exchange


def flat(*closes: float) -> list[tuple[float, ...]]:
    return [(close,) * 4 for close in closes]


def test_returns_and_drawdown_are_what_one_reckons(spark: SparkSession) -> None:
    bars = bars_of(spark, {"A": flat(100.0, 110.0, 0.0, -5.0, 88.0, 121.0), "B": flat(7.0)})
    found = Found(bars.transform(with_returns).transform(with_drawdown))
    ratio = 121 / 88
    assert found.column("A", "simple_return") == [None, pytest.approx(0.1), None, None, None, pytest.approx(ratio - 1)]
    assert found.column("A", "log_return") == [
        None, pytest.approx(math.log(1.1)), None, None, None, pytest.approx(math.log(ratio))
    ]  # fmt: skip
    assert found.column("A", "drawdown") == near([0, 0, -1, -1 - 5 / 110, -0.2, 0])
    assert found.column("A", "max_drawdown") == near([0, 0, -1, *[-1 - 5 / 110] * 3])
    assert found.column("B", "simple_return") == [None]
    five = Found(bars.transform(with_returns, 5, of="open"))
    assert five.column("A", "simple_return") == [None] * 5 + [pytest.approx(0.21)]


def test_averages_are_of_the_bars_before(spark: SparkSession) -> None:
    bars = bars_of(spark, {"A": flat(1.0, 2.0, 6.0, 10.0, -4.0), "B": flat(7.0)})
    missing = bars.withColumn("spread", F.when(F.col("close") != 6, F.col("close")))
    found = Found(missing.transform(with_averages, ["close", "spread"], 2))
    assert found.column("A", "average_close_2") == [None, None, 1.5, 4.0, 8.0]
    assert found.column("A", "average_spread_2") == [None, None, 1.5, None, None]
    assert found.column("B", "average_close_2") == [None]


def test_returns_are_of_stored_bars(spark: SparkSession) -> None:
    bars = frame_of(spark, BAR)
    with pytest.raises(InvalidInputError, match="found periods 0; expected at least 1"):
        bars.transform(with_returns, 0)
    with pytest.raises(InvalidInputError, match="bars have no column mid"):
        bars.transform(with_returns, of="mid")
    stream = spark.readStream.format("rate").load()
    with pytest.raises(InvalidInputError, match="found a stream of bars; expected stored bars, each series whole"):
        stream.transform(with_drawdown)


def test_vwap_begins_anew_at_its_anchor(spark: SparkSession) -> None:
    # On Friday and Monday, in summer and in winter time, and one bar before the open.
    times = ["06 09:29", "06 09:30", "06 09:31", "06 09:32", "06 15:59", "09 09:30", "09 09:31"]
    traded = [(50.0, 9.0), (10.0, 1.0), (16.0, 2.0), (None, 0.0), (14.0, 1.0), (20.0, 4.0), (30.0, 4.0)]
    bars = bars_frame(
        spark,
        [
            bar("A", (1.0,) * 4, volume, vwap, 1, 0, window_start=ny(f"2026-03-{time}"))
            for time, (vwap, volume) in zip(times, traded, strict=True)
        ],
    )
    session = parse_window("1d@NY", [stock_exchange()])
    found = Found(
        bars.transform(with_anchored_vwap, session, name="of_session")
        .transform(with_anchored_vwap, ny("2026-03-06 09:31"), name="of_time")
        .transform(with_anchored_vwap, F.col("vwap") >= 16, name="of_price")
    )
    assert found.column("A", "of_session") == [None, 10.0, 14.0, 14.0, 14.0, 20.0, 25.0]
    assert found.column("A", "of_time") == near([None, None, 16, 16, 46 / 3, 126 / 7, 246 / 11])
    assert found.column("A", "of_price") == near([50, 460 / 10, 16, 16, 46 / 3, 20, 30])
    assert found.names == [*BAR.schema.names, "of_session", "of_time", "of_price"]
    with pytest.raises(InvalidInputError, match="is not an instant without a time zone"):
        bars.transform(with_anchored_vwap, ny("2026-03-06 09:31").replace(tzinfo=None))


def test_beta_is_that_of_returns_over_the_same_time(spark: SparkSession) -> None:
    random = np.random.default_rng(7)
    market = 100 * np.exp(random.normal(0, 0.01, 12).cumsum())
    share = 50 * np.exp(random.normal(0, 0.02, 12).cumsum())
    bars = bars_of(spark, {"SPY": flat(*market), "A": flat(*share), "FLAT": flat(*[5.0] * 12)})
    # The market did not trade on the fourth day, and has a bar between the ninth and the tenth.
    is_gap = (F.col("symbol") == "SPY") & (F.col("window_start") == at(3 * 86_400))
    between = bars.where(F.col("window_start") == at(8 * 86_400)).where(F.col("symbol") == "SPY").withColumns(
        {"window_start": F.col("window_start") + F.lit(timedelta(hours=1)), "close": F.lit(90.0)}
    )  # fmt: skip
    found = Found(bars.where(~is_gap).union(between).transform(with_beta, "SPY", 4))
    known = market.copy()
    known[3] = known[2]
    returns, of_market = (prices[1:] / prices[:-1] - 1 for prices in (share, known))
    betas, correlations = [], []
    for last in range(4, 12):
        mine, others = returns[last - 4 : last], of_market[last - 4 : last]
        betas.append(np.cov(mine, others)[0, 1] / np.var(others, ddof=1))
        correlations.append(np.corrcoef(mine, others)[0, 1])
    assert found.column("A", "beta_4") == near([None] * 4 + betas)
    assert found.column("A", "correlation_4") == near([None] * 4 + correlations)
    assert found.column("FLAT", "beta_4") == [None] * 4 + [0.0] * 8
    assert found.column("FLAT", "correlation_4") == [None] * 12
    assert found.column("SPY", "beta_4")[4:] == near([1.0] * 8)
    assert found.names == [*BAR.schema.names, "beta_4", "correlation_4"]
