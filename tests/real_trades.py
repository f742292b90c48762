"""Real US equity trades in mdstream's form, made from the test data of `MDSTREAM_TEST_DATA` when a test asks."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from mdstream.schemas import TICK

TRADES_FILE = "us_equity_trades_20131007_08.parquet"
BARS_FILE = "us_equity_bars_1m_vendor_20131007_08.parquet"

TRADE_COUNT = 1_042_557
"""Prints in the trades file, by its description."""

DAY_ONE_TRADE_COUNT = 388_417
"""Of these, those of the first day."""

_END_OF_DAY_ONE = datetime(2013, 10, 8, 4, tzinfo=UTC)
"""Midnight in New York."""

_ELIGIBLE_CODES = ("1", "20000001")
_SUSPICIOUS = "S"


def test_data(name: str) -> Path:
    """Return the path of a file of the test data; the test is skipped if it is not there."""
    folder = Path(os.environ.get("MDSTREAM_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / name).is_file():
        pytest.skip(f"real market data: no {name} in {folder}; set MDSTREAM_TEST_DATA to the folder that has it")
    return folder / name


test_data.__test__ = False  # type: ignore[attr-defined]


def write_ticks(path: Path, *, symbols: tuple[str, ...] = (), day_one: bool = False, limit: int | None = None) -> int:
    """Write the real trades as a parquet file of TICK columns, in the vendor's order.

    Args:
        path: The file to write.
        symbols: Only these; all four if empty.
        day_one: Only those of the first day.
        limit: Only the first trades.

    Returns:
        How many trades were written.
    """
    trades = pq.read_table(test_data(TRADES_FILE))
    if symbols:
        trades = trades.filter(pc.is_in(trades["symbol"], pa.array(symbols, pa.large_string())))
    if day_one:
        trades = trades.filter(pc.less(trades["ts_ms"], int(_END_OF_DAY_ONE.timestamp() * 1000)))
    if limit is not None:
        trades = trades.slice(0, limit)
    pq.write_table(_as_ticks(trades), path)
    return int(trades.num_rows)


def _as_ticks(trades: pa.Table) -> pa.Table:
    event_time = pc.multiply(trades["ts_ms"], 1000)
    codes = trades["cond_hex"].to_pylist()
    conditions = [
        [code, _SUSPICIOUS] if suspicious else [code]
        for code, suspicious in zip(codes, trades["suspicious"].to_pylist(), strict=True)
    ]
    columns = {
        "symbol": trades["symbol"],
        "price": trades["price"],
        "size": trades["size"].cast(pa.float64()),
        "event_time": event_time.cast(TICK.schema.field("event_time").type),
        "exchange": trades["exchange"],
        "sequence": trades["seq"].cast(pa.int64()),
        "conditions": pa.array(conditions, pa.list_(pa.string())),
    }
    return pa.table(columns)


def write_conditions_table(path: Path) -> None:
    """Write the eligibility table under which exactly the vendor's eligible trades may set open, high, low and close.

    The vendor takes trades with code 1 or 20000001 that it does not call suspicious; all count for volume.
    """
    eligible = [f"{code},true,true,true" for code in _ELIGIBLE_CODES]
    path.write_text("\n".join(["code,open_close,high_low,volume", *eligible, "*,false,false,true", ""]))
