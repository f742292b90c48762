"""What the demo's database has before the first tick."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow.compute as pc
import talib

from mdstream.config import Settings
from mdstream.demo.past import make_past, opening_of

OPENING = datetime(2026, 1, 5, 10, tzinfo=UTC)


def test_indicators_are_talib_s_over_each_series() -> None:
    settings = Settings()
    past = make_past(settings, "AAPL,MSFT", 1000.0, OPENING)
    assert past.bars.num_rows == past.indicators.num_rows == 2 * (4320 + 864 + 288)
    assert past.indicators.schema.names == settings.indicator_record.schema.names
    for symbol, window in (("AAPL", "1min"), ("MSFT", "15min")):
        bars, found = (
            table.filter((pc.field("symbol") == symbol) & (pc.field("window") == window))
            for table in (past.bars, past.indicators)
        )
        assert bars["window_start"].equals(found["window_start"])
        closes = bars["close"].to_numpy()
        for column, expected in (("sma_200", talib.SMA(closes, 200)), ("rsi_14", talib.RSI(closes, 14))):
            np.testing.assert_array_equal(found[column].to_pandas().to_numpy(), expected)
    assert past.indicators["sma_200"].null_count == 2 * 3 * 199


def test_of_many_symbols_there_is_less_and_of_thousands_nothing() -> None:
    of_hundred = make_past(Settings(), "100", 1000.0, OPENING).bars
    assert pc.min(of_hundred["window_start"]).as_py() == OPENING - timedelta(minutes=250)
    nothing = make_past(Settings(), "1000", 1000.0, OPENING)
    assert nothing.bars.num_rows == nothing.indicators.num_rows == 0


def test_the_market_opened_at_a_full_hour_hours_ago() -> None:
    for minute in (0, 59):
        now = datetime(2026, 1, 6, 2, minute, 59, tzinfo=UTC)
        assert opening_of(now) == datetime(2026, 1, 5, 22, tzinfo=UTC)
