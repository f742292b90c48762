"""The past of a made-up market: whole windows, prices that lead to its opening, and the volume that it will have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from mdstream.schemas import BarWindow
from mdstream.testing import Market, MarketOptions, instrument
from mdstream.testing.past import past_bars

SYMBOLS = ("AAPL", "MSFT", "BTCUSDT")
OPENING = datetime(2026, 1, 5, 14, tzinfo=UTC)
WINDOWS = [BarWindow.parse(name) for name in ("1min", "5min", "7min", "30s")]
MINUTES = 300


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    made: pd.DataFrame = past_bars(MarketOptions(SYMBOLS, rate=50.0), WINDOWS, OPENING, MINUTES).to_pandas()
    return made


def test_windows_are_whole_and_aligned_to_the_epoch(bars: pd.DataFrame) -> None:
    assert bars.groupby("window").size().to_dict() == {"1min": 900, "5min": 180, "7min": 3 * 42}
    for window in WINDOWS[:3]:
        of_window = bars[bars["window"] == window.name]
        starts = of_window["window_start"].astype("int64") // 10 ** (
            9 if of_window["window_start"].dt.unit == "ns" else 6
        )
        assert (starts % window.seconds == 0).all()
        assert (of_window["window_end"] - of_window["window_start"] == timedelta(seconds=window.seconds)).all()
        assert of_window["window_end"].max() <= OPENING
        assert of_window["window_start"].min() >= OPENING - timedelta(minutes=MINUTES)


def test_longer_bars_are_those_of_their_minutes(bars: pd.DataFrame) -> None:
    minutes, fives = (bars[bars["window"] == name] for name in ("1min", "5min"))
    of_minutes = minutes.assign(amount=minutes["vwap"] * minutes["volume"]).groupby(
        ["symbol", pd.Grouper(key="window_start", freq="5min")], sort=False
    )
    expected = of_minutes.agg({"high": "max", "low": "min", "open": "first", "close": "last", "trade_count": "sum"})
    actual = fives.set_index(["symbol", "window_start"])[list(expected)]
    pd.testing.assert_frame_equal(actual, expected, check_index_type=False)
    np.testing.assert_allclose(fives["volume"], of_minutes["volume"].sum(), rtol=1e-9)


def test_prices_lead_to_the_opening_without_a_jump(bars: pd.DataFrame) -> None:
    minutes = bars[bars["window"] == "1min"]
    for symbol, series in minutes.groupby("symbol"):
        assert series["close"].iat[-1] == instrument(str(symbol)).price
        between = np.log(series["open"].to_numpy()[1:] / series["close"].to_numpy()[:-1])
        assert np.abs(between).max() < 1e-3, "a bar opens where the one before closed, but for the spread"
    assert (minutes["low"] <= minutes[["open", "close", "vwap"]].min(axis=1)).all()
    assert (minutes["high"] >= minutes[["open", "close", "vwap"]].max(axis=1)).all()
    np.testing.assert_allclose(minutes["close"] * 100, (minutes["close"] * 100).round(), atol=1e-6)


def test_volume_is_that_of_the_market_s_ticks(bars: pd.DataFrame) -> None:
    market = Market(MarketOptions(SYMBOLS, rate=50.0), 0)
    blocks = list(market.session(0, MINUTES * 60_000_000))
    minutes = bars[bars["window"] == "1min"].groupby("symbol")["volume"].sum()
    for place, symbol in enumerate(SYMBOLS):
        ticks = sum(float(block.size[block.symbol == place].sum()) for block in blocks)
        assert minutes[symbol] == pytest.approx(ticks, rel=0.5)  # moods differ


def test_the_same_seed_makes_the_same_past() -> None:
    first, again, other = (past_bars(MarketOptions(SYMBOLS, seed=seed), WINDOWS[:1], OPENING, 10) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)
