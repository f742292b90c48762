"""A local HTTP server in the place of Massive's REST API, with its documented pages and errors."""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.http_server import Answer, LocalHttpServer, Request

KEY = "k3y-of-the-account"
HOST = "https://api.massive.com"
"""What addresses of following pages begin with, wherever the server runs."""

MINUTE_NANOS = 60_000_000_000
Record = dict[str, Any]


def error(status: int, kind: str, field_name: str, text: str, **headers: str) -> Answer:
    body = {"status": kind, "request_id": "6a7e4663", field_name: text}
    return said(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


def said(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(body).encode(), headers or {})


THROTTLED = error(429, "ERROR", "error", "You've exceeded the maximum requests per minute, please wait.")
NOT_IN_PLAN = error(403, "NOT_AUTHORIZED", "message", "You are not entitled to this data. Please upgrade your plan.")


class MassiveRestServer(LocalHttpServer):
    """Answers as planned, then with its data.

    Attributes:
        trades: Records of each symbol, oldest first.
        bars: Records of minute bars of each symbol.
        page_rows: Most rows of a page, whatever was asked for.
        plan: What the next calls are answered with.
        calls: Path and query of each call.
    """

    def __init__(self, page_rows: int = 50_000) -> None:
        super().__init__()
        self.trades: dict[str, list[Record]] = {}
        self.bars: dict[str, list[Record]] = {}
        self.page_rows = page_rows
        self.plan: deque[Answer | None] = deque()
        self.calls: list[str] = []

    def answer_to(self, request: Request) -> Answer:
        self.calls.append(request.path)
        return self.answer(request.path, request.headers.get("Authorization", ""))

    @property
    def url(self) -> str:
        return self.address

    def answer(self, path: str, authorization: str) -> Answer:
        if authorization != f"Bearer {KEY}":
            return error(401, "ERROR", "error", f"Unknown API Key {authorization.removeprefix('Bearer ')}")
        if self.plan and (planned := self.plan.popleft()):
            return planned
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        names = [unquote(name) for name in parts.path.split("/")]
        if parts.path.startswith("/v3/trades/"):
            return self._page(parts.path, query, self._trades(names[3], query))
        if parts.path.startswith("/v2/aggs/ticker/"):
            first, last = int(names[8]), int(names[9])
            bars = [bar for bar in self.bars.get(names[4], []) if first <= bar["t"] <= last]
            return self._page(parts.path, query, bars)
        if parts.path.startswith("/v3/reference/tickers/") and names[4] in {*self.trades, *self.bars}:
            return said({"status": "OK", "results": {"ticker": names[4]}})
        return error(404, "NOT_FOUND", "message", "Ticker not found.")

    def _trades(self, symbol: str, query: dict[str, str]) -> list[Record]:
        if "cursor" in query:
            query.update(json.loads(base64.urlsafe_b64decode(query["cursor"])))
        start, end = int(query.get("timestamp.gte", 0)), int(query.get("timestamp.lt", 2**62))
        return [record for record in self.trades.get(symbol, []) if start <= record["sip_timestamp"] < end]

    def _page(self, path: str, query: dict[str, str], records: list[Record]) -> Answer:
        if "cursor" in query:
            query = {**query, **json.loads(base64.urlsafe_b64decode(query["cursor"]))}
        first = int(query.get("offset", 0))
        after = first + min(self.page_rows, int(query.get("limit", 1000)))
        body: Record = {"status": "OK", "request_id": "a47d1beb", "results": records[first:after]}
        if after < len(records):
            query = {name: value for name, value in query.items() if name != "cursor"}
            cursor = base64.urlsafe_b64encode(json.dumps({**query, "offset": after}).encode()).decode()
            body["next_url"] = f"{HOST}{path}?{urlencode({'cursor': cursor})}"
        return said(body)


def trade(number: int, nanos: int, **changes: object) -> Record:
    """Return a record like those of the specification."""
    record = {
        "conditions": [12, 41], "exchange": 11, "id": str(number), "participant_timestamp": nanos - 459_600,
        "price": 171.55, "sequence_number": 1063 + number, "sip_timestamp": nanos, "size": 100, "tape": 3,
    }  # fmt: skip
    return {**record, **changes}


def minute_bar(millis: int, count: int = 3, **changes: object) -> Record:
    record = {"o": 10.0, "h": 12.0, "l": 9.0, "c": 11.0, "v": 300, "vw": 10.5, "n": count, "t": millis}
    return {**record, **changes}
