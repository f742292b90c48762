"""A local HTTP server in the place of Alpha Vantage, which says everything with HTTP 200."""

from __future__ import annotations

from collections import deque
from urllib.parse import parse_qsl, urlsplit

import orjson
from pydantic import SecretStr

from mdstream.feeds.alphavantage import AlphaVantageAccount
from tests.http_server import Answer, LocalHttpServer, Request
from tests.unit.feeds.clock import ManualClock

KEY = "k3y-of-the-account"
WRONG_KEY = {
    "Error Message": "the parameter apikey is invalid or missing. Please claim your free API key on "
    "(https://www.alphavantage.co/support/#api-key). It should take less than 20 seconds."
}


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
    return Answer(200, orjson.dumps(message))


class AlphaVantageServer(LocalHttpServer):
    """Answers calls as planned, then always the last way.

    Attributes:
        asked: What was asked for, without the key, and the time by `clock`.
    """

    def __init__(self, *plan: Answer, clock: ManualClock | None = None) -> None:
        super().__init__()
        self.asked: list[dict[str, str]] = []
        self.asked_at: list[float] = []
        self.plan = deque(plan)
        self._clock = clock

    def answer_to(self, request: Request) -> Answer:
        parameters = dict(parse_qsl(urlsplit(request.path).query))
        key = parameters.pop("apikey", "")
        self.asked.append(parameters)
        self.asked_at.append(self._clock.elapsed if self._clock else 0.0)
        if key != KEY:
            return said(WRONG_KEY)
        return self.plan.popleft() if len(self.plan) > 1 else self.plan[0]

    @property
    def url(self) -> str:
        return f"{self.address}/query"

    def account(self, key: str = KEY, **changes: object) -> AlphaVantageAccount:
        limits: dict[str, object] = {"calls_per_minute": 600, "calls_per_day": None, "poll_seconds": 60.0}
        return AlphaVantageAccount(SecretStr(key), url=self.url, **{**limits, **changes})  # type: ignore[arg-type]
