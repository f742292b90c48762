"""Shows how to make days of believable ticks, the same for the same seed: to try anything else here without a vendor.

    python examples/made_up_ticks.py ticks.parquet

Needs `pip install mdstream-spark` and no Spark.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

import mdstream as md


def main(file: Path) -> None:
    ticks = md.testing.made_up_ticks(["AAPL", "MSFT", "BTCUSDT"], date(2026, 1, 5), days=2, seed=7, late_share=0.01)
    pq.write_table(ticks, file)
    for symbol in pc.unique(ticks["symbol"]).to_pylist():
        prices = ticks.filter(pc.field("symbol") == symbol)["price"]
        print(f"{symbol}: {len(prices):,} ticks from {pc.min(prices).as_py():,.2f} to {pc.max(prices).as_py():,.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
