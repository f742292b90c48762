"""Massive's REST API: pages of past trades and bars."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from http import HTTPStatus
from types import TracebackType
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx
import orjson
from pydantic import SecretStr

from mdstream.errors import FeedError
from mdstream.feeds.redaction import redacted
from mdstream.feeds.supervision import Backoff, Supervision
from mdstream.feeds.validation import shown
from mdstream.feeds.websocket.massive import KEY_VARIABLE, check_key
from mdstream.schemas.wire import to_micros

MOST_ROWS = 50_000
"""Rows that Massive gives on one page at most."""

_WAITS = Supervision(first_wait=1.0, longest_wait=60.0)
_TIMEOUT_SECONDS = 30.0
_MINUTE_SECONDS = 60.0
_SUCCESS = ("OK", "DELAYED")
_PASSING = frozenset({408, 429, 499, 500, 502, 503, 504})

logger = logging.getLogger(__name__)


class AccessError(FeedError):
    """The account may not have what was asked for: its plan does not include it, or its key is not valid."""


class _PassingError(Exception):
    """What the next attempt may not meet again."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Page:
    """A part of an answer.

    Attributes:
        rows: The results on it.
        following: Path and query of the next page; None if this is the last.
    """

    rows: Sequence[Mapping[str, object]]
    following: str | None


def trades_path(symbol: str, start_nanos: int, end_nanos: int, rows: int = MOST_ROWS) -> str:
    """Return the path of the first page of a symbol's trades, oldest first.

    Args:
        symbol: The ticker.
        start_nanos: First instant, in epoch nanoseconds.
        end_nanos: First instant after.
        rows: Trades on a page.
    """
    query = {"timestamp.gte": start_nanos, "timestamp.lt": end_nanos, "order": "asc", "sort": "timestamp"}
    return f"/v3/trades/{quote(symbol, safe='')}?{urlencode({**query, 'limit': rows})}"


def minute_bars_path(symbol: str, start: datetime, end: datetime) -> str:
    """Return the path of the first page of a symbol's minute bars, oldest first and not adjusted for splits.

    Args:
        symbol: The ticker.
        start: First instant, aware.
        end: First instant after.
    """
    first, last = to_micros(start) // 1000, to_micros(end) // 1000 - 1
    query = urlencode({"adjusted": "false", "sort": "asc", "limit": MOST_ROWS})
    return f"/v2/aggs/ticker/{quote(symbol, safe='')}/range/1/minute/{first}/{last}?{query}"


class MassiveRest:
    """A connection to the API, to be used as an asynchronous context manager by one task at a time.

    It keeps to the plan's calls a minute, and tries again what is throttled or unavailable. The key travels in a
    header, and to the configured server only: of the address of a following page, the server's name is not followed.

    Args:
        api_key: The account's key.
        url: The server.
        calls_per_minute: How many calls the plan allows; None for no limit.
        tries: How often to try what may pass.
        waits: How long to wait between.
    """

    def __init__(
        self,
        api_key: SecretStr,
        url: str,
        calls_per_minute: int | None = None,
        *,
        tries: int = 8,
        waits: Supervision = _WAITS,
    ) -> None:
        check_key(api_key)
        key = api_key.get_secret_value()
        self.calls = 0
        self._secrets = (key,)
        self._recent: deque[float] = deque(maxlen=calls_per_minute)
        self._tries = tries
        self._waits = waits
        self._http = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT_SECONDS, follow_redirects=False
        )

    async def __aenter__(self) -> MassiveRest:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the server."""
        await self._http.aclose()

    async def page(self, path: str) -> Page:
        """Return the page at a path that `trades_path`, `minute_bars_path` or the page before gave.

        Raises:
            AccessError: The plan does not include it, or the key is not valid.
            FeedError: The API does not answer, or not as documented.
        """
        body = await self._get(path) or {}
        rows, following = body.get("results"), body.get("next_url")
        if rows is None:
            rows = []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise FeedError(f"massive answered without a list of results: {self._shown(orjson.dumps(body))}")
        return Page(rows, _path_of(following) if isinstance(following, str) and following else None)

    async def knows(self, symbol: str, day: date) -> bool:
        """Return whether there was such a symbol on a day.

        Raises:
            FeedError: See `page`.
        """
        return await self._get(f"/v3/reference/tickers/{quote(symbol, safe='')}?date={day.isoformat()}") is not None

    async def _get(self, path: str) -> dict[str, object] | None:
        """Return what is at `path`; None if nothing is."""
        backoff = Backoff(self._waits)
        for attempt in itertools.count(1):
            await self._turn()
            try:
                return self._body(await self._http.get(_path_of(path)))
            except (_PassingError, httpx.RequestError) as exc:
                reason = redacted(str(exc) or type(exc).__name__, self._secrets)
                asked_for = exc.wait if isinstance(exc, _PassingError) else 0.0
            if attempt == self._tries:
                break
            wait = max(backoff.next_wait(), asked_for)
            logger.warning("massive: %s; trying again in %.1f s", reason, wait)
            await asyncio.sleep(wait)
        raise FeedError(f"massive gave no answer in {self._tries} attempts; the last: {reason}")

    async def _turn(self) -> None:
        """Wait until the plan allows another call."""
        recent = self._recent
        if recent.maxlen is not None and len(recent) == recent.maxlen:
            await asyncio.sleep(max(0.0, recent[0] + _MINUTE_SECONDS - time.monotonic()))
        recent.append(time.monotonic())
        self.calls += 1

    def _body(self, response: httpx.Response) -> dict[str, object] | None:
        status = response.status_code
        if status == HTTPStatus.OK:
            try:
                body = orjson.loads(response.content)
            except orjson.JSONDecodeError as exc:
                raise _PassingError(f"an answer that is not JSON: {self._shown(response.content)}") from exc
            if not isinstance(body, dict):
                raise FeedError(f"massive answered with no JSON object: {self._shown(response.content)}")
            if body.get("status", "OK") not in _SUCCESS:
                raise FeedError(f"massive refused: {self._message(response.content)}")
            return body
        if status == HTTPStatus.NOT_FOUND:
            return None
        said = f"HTTP {status} {self._message(response.content)}"
        if status in _PASSING:
            asked_for = response.headers.get("Retry-After", "")
            raise _PassingError(said, float(asked_for) if asked_for.isdecimal() else 0.0)
        if status == HTTPStatus.UNAUTHORIZED:
            raise AccessError(f"massive refuses the API key: {said}; check {KEY_VARIABLE}")
        if status == HTTPStatus.FORBIDDEN:
            raise AccessError(f"massive's plan does not include this: {said}; plans are at massive.com/pricing")
        raise FeedError(f"massive refused: {said}")

    def _message(self, content: bytes) -> str:
        """Return what an error says: in `error` or `message`, or as it came."""
        try:
            body = orjson.loads(content)
        except orjson.JSONDecodeError:
            return self._shown(content)
        texts = [body.get("error"), body.get("message")] if isinstance(body, dict) else []
        return redacted(next((text for text in texts if isinstance(text, str)), ""), self._secrets) or self._shown(
            content
        )

    def _shown(self, content: bytes) -> str:
        return shown(redacted(content.decode(errors="replace"), self._secrets))


def _path_of(address: str) -> str:
    """Return path and query of an address, without the server and a key that somebody put there."""
    parts = urlsplit(address)
    query = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name.lower() != "apikey"
    ]
    return f"{parts.path}?{urlencode(query)}" if query else parts.path
