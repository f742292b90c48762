"""Shows how to act on each bar as it closes: a client of the WebSocket server that comes back after an outage.

    make demo                              # in another terminal
    python examples/follow_bars.py ws://127.0.0.1:8001 AAPL MSFT

Needs `pip install websockets`, nothing of mdstream.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import connect


async def closed_bars(url: str, symbols: Sequence[str], window: str = "1min") -> AsyncIterator[dict[str, Any]]:
    """Yield bars as the next one of their symbol begins; what is revised later is not said again."""
    newest: dict[str, dict[str, Any]] = {}
    wanted = {"type": "subscribe", "symbols": list(symbols), "channels": ["bar"], "windows": [window]}
    async for socket in connect(url):  # connects again, later and later, when the connection is lost
        try:
            await socket.send(json.dumps(wanted))
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "error":
                    raise ValueError(f"{message['code']}: {message['message']}")
                if message["type"] != "bar":
                    continue
                bar, before = message["data"], newest.get(message["symbol"])
                if before is not None and bar["window_start"] > before["window_start"]:
                    yield before
                if before is None or bar["window_start"] >= before["window_start"]:
                    newest[message["symbol"]] = bar
        finally:
            await socket.close()  # when nobody wants more bars


async def main(url: str, *symbols: str) -> None:
    async for bar in closed_bars(url, symbols or ["*"]):
        change = bar["close"] / bar["open"] - 1
        print(f"{bar['symbol']:8} closed at {bar['close']:,.2f} ({change:+.2%}), {bar['trade_count']:,} trades")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:]))
