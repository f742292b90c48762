"""A local HTTP server in the place of Alpha Vantage, which says everything with HTTP 200."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import orjson
from pydantic import SecretStr

from mdstream.feeds.alphavantage import AlphaVantageAccount
from tests.unit.feeds.clock import ManualClock

KEY = "k3y-of-the-account"
WRONG_KEY = {
    "Error Message": "the parameter apikey is invalid or missing. Please claim your free API key on "
    "(https://www.alphavantage.co/support/#api-key). It should take less than 20 seconds."
}


@dataclass(frozen=True)
class Answer:
    """What is answered to one call; `held` answers only when the server's `release` is set."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    held: bool = False


def bars(*rows: tuple[str, float, int], zone: str = "US/Eastern", series: str = "Time Series (1min)") -> Answer:
    """Return an answer of the documented form with bars of (wall time, close, volume), newest first."""
    return said(
        {
            "Meta Data": {"2. Symbol": "IBM", "4. Interval": "1min", "6. Time Zone": zone},
            series: {
                time: {
                    "1. open": "86.4900", "2. high": "86.5000", "3. low": "86.4750", "4. close": f"{close:.4f}",
                    "5. volume": str(volume),
                }
                for time, close, volume in sorted(rows, reverse=True)
            },
        }
    )  # fmt: skip


def said(message: object) -> Answer:
    return Answer(orjson.dumps(message))


class AlphaVantageServer:
    """Answers calls as planned, then always the last way.

    Attributes:
        asked: What was asked for, without the key, and the time by `clock`.
        release: Lets go of answers that are held.
    """

    def __init__(self, *plan: Answer, clock: ManualClock | None = None) -> None:
        self.asked: list[dict[str, str]] = []
        self.asked_at: list[float] = []
        self.plan = deque(plan)
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parameters = dict(parse_qsl(urlsplit(self.path).query))
                key = parameters.pop("apikey", "")
                outer.asked.append(parameters)
                outer.asked_at.append(clock.elapsed if clock else 0.0)
                answer = said(WRONG_KEY)
                if key == KEY:
                    answer = outer.plan.popleft() if len(outer.plan) > 1 else outer.plan[0]
                if answer.held:
                    outer.release.wait(60)
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                """Keep the test's output quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/query"

    def account(self, key: str = KEY, **changes: object) -> AlphaVantageAccount:
        limits: dict[str, object] = {"calls_per_minute": 600, "calls_per_day": None, "poll_seconds": 60.0}
        return AlphaVantageAccount(SecretStr(key), url=self.url, **{**limits, **changes})  # type: ignore[arg-type]

    @contextmanager
    def running(self) -> Iterator[AlphaVantageServer]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self.release.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()
