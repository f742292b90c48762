"""A local HTTP server in the place of Massive's REST API, with its documented pages and errors."""

from __future__ import annotations

import base64
import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

KEY = "k3y-of-the-account"
HOST = "https://api.massive.com"
"""What addresses of following pages begin with, wherever the server runs."""

MINUTE_NANOS = 60_000_000_000
Record = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What is answered in place of the data; `held` answers only when the server is stopped."""

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    held: bool = False


def error(status: int, kind: str, field_name: str, text: str, **headers: str) -> Answer:
    return Answer(status, json.dumps({"status": kind, "request_id": "6a7e4663", field_name: text}), headers)


THROTTLED = error(429, "ERROR", "error", "You've exceeded the maximum requests per minute, please wait.")
NOT_IN_PLAN = error(403, "NOT_AUTHORIZED", "message", "You are not entitled to this data. Please upgrade your plan.")


class MassiveRestServer:
    """Answers as planned, then with its data.

    Attributes:
        trades: Records of each symbol, oldest first.
        bars: Records of minute bars of each symbol.
        page_rows: Most rows of a page, whatever was asked for.
        plan: What the next calls are answered with.
        calls: Path and query of each call.
    """

    def __init__(self, page_rows: int = 50_000) -> None:
        self.trades: dict[str, list[Record]] = {}
        self.bars: dict[str, list[Record]] = {}
        self.page_rows = page_rows
        self.plan: deque[Answer | None] = deque()
        self.calls: list[str] = []
        self.stopped = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.calls.append(self.path)
                answer = outer.answer(self.path, self.headers.get("Authorization", ""))
                if answer.held:
                    outer.stopped.wait(60)
                    self.close_connection = True
                    return
                content = answer.body.encode()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Keep the test's output quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator[MassiveRestServer]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self.stopped.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()

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
            return Answer(200, json.dumps({"status": "OK", "results": {"ticker": names[4]}}))
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
        return Answer(200, json.dumps(body))


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
