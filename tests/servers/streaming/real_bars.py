"""The vendor's real one-minute bars as revisions in Kafka, and what TA-Lib makes of the bars in the database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
import talib
from confluent_kafka import Producer
from numpy.typing import NDArray

from mdstream.schemas import BAR
from mdstream.schemas.wire import VENDOR_HEADER, encode
from tests.real_trades import BARS_FILE, test_data

Row = dict[str, Any]

_MINUTE_MICROS = 60_000_000
_KEY = ["symbol", "window", "window_start"]


def real_bars() -> list[Row]:
    """All bars as JSON holds them, in the order in which their minutes began."""
    vendor = pd.read_parquet(test_data(BARS_FILE)).sort_values(["start_ms", "symbol"])
    return [_wire(row) for row in vendor.to_dict("records")]


def _wire(row: dict[Any, Any]) -> Row:
    start = int(row["start_ms"]) * 1000
    prices = {name: float(row[name]) for name in ("open", "high", "low", "close")}
    return {
        "symbol": row["symbol"],
        "window": "1min",
        "window_start": start,
        "window_end": start + _MINUTE_MICROS,
        **prices,
        "volume": float(row["volume"]),
        "vwap": prices["close"],
        "trade_count": 2,
        "last_event_time": start + _MINUTE_MICROS - 1,
        "last_ingest_time": None,
    }


def forming(bar: Row) -> Row:
    """The first revision of a bar, one trade long."""
    opened = dict.fromkeys(("open", "high", "low", "close", "vwap"), bar["open"])
    return {**bar, **opened, "volume": 1.0, "trade_count": 1, "last_event_time": bar["window_start"]}


def send(servers: str, bars: Iterable[Row], *, topic: str = BAR.topic_name, partitions: int = 2) -> None:
    """Put each bar into a topic as two revisions, as a vendor's, a symbol always into the same partition."""
    producer = Producer({"bootstrap.servers": servers})
    for bar in bars:
        for revision in (forming(bar), bar):
            place = sum(bar["symbol"].encode()) % partitions
            producer.produce(topic, encode(revision), bar["symbol"], place, headers={VENDOR_HEADER: b"massive"})
        producer.poll(0)
    assert producer.flush(60) == 0


def assert_stored_indicators_are_talibs(engine: sa.Engine) -> None:
    """Hold every row of indicators to TA-Lib on all bars in the database."""
    bars = pd.read_sql("SELECT * FROM aggregated_data", engine).sort_values(_KEY, ignore_index=True)
    stored = pd.read_sql("SELECT * FROM technical_indicators", engine).sort_values(_KEY, ignore_index=True)
    pd.testing.assert_frame_equal(stored[[*_KEY, "trade_count"]], bars[[*_KEY, "trade_count"]])
    for (symbol, window), own in bars.groupby(["symbol", "window"]):
        rows = stored.loc[own.index]
        for name, expected in _talib(own["close"].to_numpy()).items():
            # The histogram of MACD passes through zero.
            np.testing.assert_allclose(
                rows[name].to_numpy(float), expected, rtol=1e-9, atol=1e-8, err_msg=f"{name} of {symbol} {window}"
            )


def _talib(close: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    macd, signal, histogram = talib.MACD(close, 12, 26, 9)
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    return {
        **{f"sma_{period}": talib.SMA(close, period) for period in (20, 50, 200)},
        **{f"ema_{period}": talib.EMA(close, period) for period in (12, 26)},
        "rsi_14": talib.RSI(close, 14),
        "macd": macd,
        "macd_signal": signal,
        "macd_hist": histogram,
        "bb_upper": upper,
        "bb_middle": middle,
        "bb_lower": lower,
    }


def expected_volume_spikes(bars: Iterable[Row]) -> set[tuple[str, int]]:
    """Symbol and start of each bar with more than three times the mean volume of the 20 bars before it."""
    frame = pd.DataFrame(bars).sort_values(["symbol", "window_start"])
    before = frame.groupby("symbol")["volume"].transform(lambda volume: volume.shift(1).rolling(20).mean())
    found = frame[frame["volume"] > 3 * before]
    return set(zip(found["symbol"], found["window_start"], strict=True))
