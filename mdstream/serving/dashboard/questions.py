"""What pages ask the dashboard's server, and what it answers."""

from __future__ import annotations

import re
from typing import Any

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from mdstream.schemas.limits import SYMBOL_PATTERN
from mdstream.serving.dashboard.history import HistoryError
from mdstream.serving.dashboard.market_view import MarketView

_SYMBOL = re.compile(SYMBOL_PATTERN)
_VERSION = re.compile("[0-9]{1,18}")
_MILLIS = re.compile("[0-9]{1,15}")
_WAIT = re.compile("[0-9]{1,5}")
_LONGEST_WAIT_MS = 1_000


class Questions:
    """Answers the pages of one dashboard.

    Args:
        view: What is known.
        windows: The windows that are configured.
    """

    def __init__(self, view: MarketView, windows: list[str]) -> None:
        self._view = view
        self._windows = windows

    async def live(self, request: Request) -> Response:
        """Answer what changed since a version; with `wait` as soon as anything did, at most so many milliseconds."""
        asked = request.query_params
        since, wait = asked.get("since", "0"), asked.get("wait", "0")
        if (said := self._wrong(asked)) is not None:
            return Response(said, 422)
        if not _VERSION.fullmatch(since):
            return Response("expected since to be a number of at most 18 digits\n", 422)
        if not _WAIT.fullmatch(wait) or int(wait) > _LONGEST_WAIT_MS:
            return Response(f"expected wait to be at most {_LONGEST_WAIT_MS} milliseconds\n", 422)
        symbol, epoch = asked.get("symbol", ""), asked.get("epoch", "")
        return _json(await self._view.answer(symbol, asked["window"], int(since), epoch, int(wait) / 1_000))

    async def history(self, request: Request) -> Response:
        """Answer the bars before an instant."""
        asked = request.query_params
        symbol, before = asked.get("symbol", ""), asked.get("before", "")
        if (said := self._wrong(asked)) is not None:
            return Response(said, 422)
        if not symbol or not _MILLIS.fullmatch(before):
            return Response("expected a symbol, and before in epoch milliseconds of at most 15 digits\n", 422)
        try:
            return _json(await self._view.older(symbol, asked["window"], int(before)))
        except HistoryError as exc:
            return Response(f"{exc}\n", 503)

    def _wrong(self, asked: QueryParams) -> str | None:
        """Return why nothing can be said of a symbol and window; no symbol is fine."""
        symbol = asked.get("symbol", "")
        if symbol and not _SYMBOL.fullmatch(symbol):
            return "expected a symbol as venues write them, of at most 64 characters, or none\n"
        if asked.get("window") not in self._windows:
            return f"expected a configured window: {', '.join(self._windows)}\n"
        return None


def _json(answer: dict[str, Any]) -> Response:
    return Response(orjson.dumps(answer), media_type="application/json", headers={"Cache-Control": "no-store"})
