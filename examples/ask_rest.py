"""Shows how to get all bars of a symbol into pandas from a running mdstream, page by page, and how far the price fell.

    make demo                              # in another terminal
    python examples/ask_rest.py http://127.0.0.1:8000 AAPL

Needs `pip install httpx pandas`, nothing of mdstream.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pandas as pd


def bars_of(client: httpx.Client, symbol: str, window: str = "1min") -> Iterator[dict[str, Any]]:
    """Yield all bars of a symbol, the newest first; a page says where the next one begins."""
    asked: dict[str, str | int] = {"window": window, "limit": 1_000}
    while True:
        page = client.get(f"/api/v1/aggregated/{symbol}", params=asked).raise_for_status().json()
        yield from page["items"]
        if page["next_cursor"] is None:
            return
        asked["cursor"] = page["next_cursor"]


def main(url: str, symbol: str) -> None:
    # Where the server asks for a key: headers={"X-API-Key": "mds_..."}.
    with httpx.Client(base_url=url) as client:
        bars = pd.DataFrame(bars_of(client, symbol))
    bars["window_start"] = pd.to_datetime(bars["window_start"])
    closes = bars.set_index("window_start")["close"].sort_index()
    fall = closes / closes.cummax() - 1
    print(f"{len(bars):,} bars of {symbol} since {closes.index[0]:%Y-%m-%d %H:%M} UTC, last at {closes.iloc[-1]:,.2f}")
    print(f"deepest fall: {fall.min():.2%}, at {fall.idxmin():%Y-%m-%d %H:%M} UTC")


if __name__ == "__main__":
    main(*sys.argv[1:3])
