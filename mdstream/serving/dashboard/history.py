"""What is stored, from the REST API."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
import pyarrow as pa

from mdstream.errors import MdstreamError
from mdstream.schemas import ANOMALY, BAR, PREDICTION, BarWindow, Record
from mdstream.schemas.checking import MalformedRecordError, RecordCheck
from mdstream.schemas.records import TIME
from mdstream.schemas.wire import to_micros
from mdstream.serving.dashboard.series import Wire
from mdstream.serving.metrics import REFUSED
from mdstream.telemetry.refused_records import RefusedRecords

logger = logging.getLogger(__name__)
_TIMEOUT = httpx.Timeout(5.0)
_MOST_CONNECTIONS = 8
_MOST_BARS = 5_000
_MICROS = 1_000_000


class HistoryError(MdstreamError):
    """The REST API does not give what was asked for; the message is for whoever looks at the dashboard.

    Attributes:
        status: Its HTTP status; None without an answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class History:
    """Asks the REST API, and gives records as they travel on the wire: times are epoch microseconds.

    Args:
        url: Where the API is.
        key: The dashboard's key; empty where none is asked for.
        indicator: The record of the configured indicators.
    """

    def __init__(self, url: str, key: str, indicator: Record) -> None:
        self.url = url.rstrip("/")
        self._indicator = indicator
        self._checks = {record.name: RecordCheck(record) for record in (BAR, ANOMALY, PREDICTION, indicator)}
        self._refused = RefusedRecords(logger)
        self._client = httpx.AsyncClient(
            base_url=self.url,
            headers={"X-API-Key": key} if key else {},
            timeout=_TIMEOUT,
            limits=httpx.Limits(max_connections=_MOST_CONNECTIONS),
            trust_env=False,
        )

    async def bars(self, symbol: str, window: str, limit: int, end: int | None = None) -> list[Wire]:
        """Return the newest bars, the newest first; none of a symbol that nothing is stored of.

        Args:
            symbol: Of which symbol.
            window: Of which window.
            limit: Most of them.
            end: Those that begin before it, in epoch microseconds; all without.

        Raises:
            HistoryError: The API does not answer, or refuses.
        """
        return await self._items(f"aggregated/{quote(symbol)}", BAR, window=window, limit=limit, **_before(end))

    async def bars_between(self, symbol: str, windows: Sequence[BarWindow], start: int, end: int) -> list[Wire]:
        """Return bars that cover a stretch of time, the oldest first: long ones as far as they fit, then short ones.

        Args:
            symbol: Of which symbol.
            windows: The windows that there are, the shortest first.
            start: In epoch microseconds.
            end: The first instant after it.

        Raises:
            HistoryError: The API does not answer, or refuses.
        """
        shortest = windows[0]
        longest = max((each for each in windows if not start % (each.seconds * _MICROS)), key=_length, default=shortest)
        length = _length(longest) * _MICROS
        whole = start + (end - start) // length * length
        parts = [(longest, start, whole), (shortest, whole, end)]
        path, found = f"aggregated/{quote(symbol)}", []
        for window, begin, until in parts:
            if begin < until:
                asked: dict[str, str | int] = {"window": window.name, "start": begin, "end": until, "order": "asc"}
                found += await self._items(path, BAR, limit=_MOST_BARS, **asked)
        return found

    async def indicators(self, symbol: str, window: str, limit: int, end: int | None = None) -> list[Wire]:
        """Return the indicators of the newest bars, the newest first; see `bars`.

        Raises:
            HistoryError: The API does not answer, or refuses.
        """
        return await self._items(
            f"indicators/{quote(symbol)}", self._indicator, window=window, limit=limit, **_before(end)
        )

    async def anomalies(self, limit: int, **asked: str | int) -> list[Wire]:
        """Return the newest anomalies, the newest first.

        Args:
            limit: Most of them.
            asked: `symbol`, `window` and `end`, as for `bars`; of all without.

        Raises:
            HistoryError: The API does not answer, or refuses.
        """
        return await self._items("anomalies", ANOMALY, limit=limit, **asked)

    async def forecasts(self, symbol: str) -> list[Wire]:
        """Return the newest forecast of a symbol for each horizon.

        Raises:
            HistoryError: The API does not answer, or refuses.
        """
        return await self._items(f"predictions/{quote(symbol)}", PREDICTION)

    async def symbols(self) -> list[str]:
        """Return every stored symbol, in alphabetical order.

        Raises:
            HistoryError: The API does not answer, or refuses.
        """
        found = (await self._get("/api/v1/symbols")).get("symbols")
        if not isinstance(found, list):
            raise HistoryError(f"The REST API at {self.url} answers without a list of symbols.")
        return [symbol for symbol in found if isinstance(symbol, str)]

    async def problems(self) -> dict[str, str]:
        """Return what is wrong with the servers behind the API, by their names.

        Raises:
            HistoryError: The API does not answer, or refuses.
        """
        answer = await self._send("/health/ready")
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            states = _error_of(answer).get("servers")
            if not isinstance(states, dict):
                raise HistoryError(f"The REST API at {self.url} is not ready and does not say why.", answer.status_code)
            return {str(name): str(state) for name, state in states.items() if state != "ok"}
        self._refuse(answer)
        return {}

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _items(self, path: str, record: Record, **asked: str | int) -> list[Wire]:
        try:
            page = await self._get(f"/api/v1/{path}", **asked)
        except HistoryError as exc:
            if exc.status == httpx.codes.NOT_FOUND:
                return []
            raise
        items = page.get("items")
        if not isinstance(items, list):
            raise HistoryError(f"The REST API at {self.url} answers {path} without a list of items.")
        return [wire for item in items if (wire := self._checked(record, item, path)) is not None]

    def _checked(self, record: Record, item: object, path: str) -> Wire | None:
        """Return what is a record on the wire; count what is none, and return None."""
        try:
            return self._checks[record.name].check(wire_of(record, item) if isinstance(item, dict) else item)
        except (MalformedRecordError, ValueError, TypeError) as exc:
            REFUSED.labels("dashboard", "record").inc()
            self._refused.note(str(exc), self.url, path)
            return None

    async def _get(self, path: str, **asked: str | int) -> dict[str, Any]:
        answer = await self._send(path, **asked)
        self._refuse(answer)
        try:
            found = answer.json()
        except ValueError as exc:
            raise HistoryError(f"The REST API at {self.url} answers {path} with what is not JSON.") from exc
        if not isinstance(found, dict):
            raise HistoryError(f"The REST API at {self.url} answers {path} with what is not an object.")
        return found

    async def _send(self, path: str, **asked: str | int) -> httpx.Response:
        try:
            return await self._client.get(path, params=asked)
        except httpx.HTTPError as exc:
            reason = str(exc) or type(exc).__name__
            raise HistoryError(f"The REST API at {self.url} does not answer ({reason}).") from exc

    def _refuse(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        said = _error_of(answer).get("message", answer.reason_phrase)
        raise HistoryError(f"The REST API at {self.url} answers {answer.status_code}: {said}", answer.status_code)


def wire_of(record: Record, item: dict[str, Any]) -> Wire:
    """Return an item of the API with its times as epoch microseconds.

    Example:
        >>> wire_of(BAR, {"window_start": "1970-01-01T00:00:01Z", "open": 2.0})
        {'window_start': 1000000, 'open': 2.0}
    """
    times = {field.name for field in record.schema if pa.types.is_timestamp(field.type) and field.type == TIME}
    return {
        name: to_micros(datetime.fromisoformat(value)) if name in times and value is not None else value
        for name, value in item.items()
    }


def _length(window: BarWindow) -> int:
    return window.seconds


def _before(end: int | None) -> dict[str, int]:
    return {} if end is None else {"end": end}


def _error_of(answer: httpx.Response) -> dict[str, Any]:
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}
