"""Pages of series: where their rows come from, how they are written, and what their headers say."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from pydantic import BaseModel

from mdstream.serving.rest.cursors import decode_cursor, encode_cursor
from mdstream.serving.rest.errors import invalid_parameter
from mdstream.serving.rest.formats import write_rows
from mdstream.serving.rest.parameters import SeriesQuery
from mdstream.serving.rest.stores import Stores
from mdstream.stores.timescaledb.reading import Connection
from mdstream.stores.timescaledb.series import Position, Row, StoredSeries

SOURCE_HEADER = "X-Source"
CURSOR_HEADER = "X-Next-Cursor"

_MOST_ROWS_AT_ONCE = 500
_UNSETTLED = "private, no-cache"
_SETTLED = "private, max-age=300"

Newest = Callable[[], Awaitable[Sequence[BaseModel]]]
"""Asks Redis for what a page of newest rows holds; empty if the database has to be asked."""


@dataclass(frozen=True)
class Found:
    """Rows of a page.

    Attributes:
        rows: The rows.
        cursor: Where the next page begins; None if there is none.
        source: Who answered: `redis` or `database`.
    """

    rows: Sequence[Row]
    cursor: str | None
    source: str


class PageRequest:
    """One request for a page of a series.

    Args:
        request: The request.
        stores: What it is answered from.
        series: Which rows.
        query: Which part of them, in which form.
    """

    def __init__(self, request: Request, stores: Stores, series: StoredSeries, query: SeriesQuery) -> None:
        self._request = request
        self._stores = stores
        self._series = series
        self._query = query

    @property
    def asks_for_the_newest(self) -> bool:
        """Whether no part of the series but its newest end is asked for."""
        query = self._query
        return query.order == "desc" and (query.start, query.end, query.cursor) == (None, None, None)

    async def from_database(self) -> Found:
        """Return the page as the database has it.

        Raises:
            ApiError: The cursor is of another series (422).
            ReadingError: The database cannot answer now (503).
        """
        query, series = self._query, self._series
        after = self._position()

        def fetch(connection: Connection) -> Found:
            rows = series.fetch(connection, query.limit + 1, query.start, query.end, after)
            page = rows[: query.limit]
            return Found(page, self._cursor_behind(page[-1]) if len(rows) > query.limit else None, "database")

        return await self._stores.database.run(fetch)

    async def newest_first_from_redis(self, newest: Newest) -> Found:
        """Return the one newest row as Redis has it, else the page as the database has it."""
        if self._query.limit == 1 and self.asks_for_the_newest:
            rows = [model.model_dump() for model in await newest()]
            if rows:
                return Found(rows, self._cursor_behind(rows[-1]), "redis")
        return await self.from_database()

    def _cursor_behind(self, row: Row) -> str:
        return encode_cursor(self._series.identity, self._series.position_of(row))

    def _position(self) -> Position | None:
        if self._query.cursor is None:
            return None
        try:
            return decode_cursor(self._series.identity, self._query.cursor, self._series.position_kinds)
        except ValueError as exc:
            expected = f"{exc}; expected the next_cursor of a page of the same series and order"
            raise invalid_parameter("cursor", expected) from exc

    async def answer(self, found: Found, **named: str) -> Response:
        """Return the page, or 304 if the client has it already.

        Args:
            found: The rows.
            named: What the page names besides its rows.

        Raises:
            ApiError: There is no row, and nothing is stored of the symbol either (404).
        """
        symbol = named.get("symbol")
        if not found.rows and symbol is not None:
            await self._stores.symbols.refuse_unknown(symbol)
        query = self._query
        page: dict[str, Any] = {**named, "order": query.order, "next_cursor": found.cursor}
        write = partial(write_rows, found.rows, self._series.record, query.format, page)
        # Others would wait for the milliseconds that many rows take.
        body = await asyncio.to_thread(write) if len(found.rows) > _MOST_ROWS_AT_ONCE else write()
        tag = f'"{hashlib.blake2b(body + (found.cursor or "").encode(), digest_size=12).hexdigest()}"'
        headers = {SOURCE_HEADER: found.source, "ETag": tag, "Cache-Control": self._freshness()}
        if found.cursor is not None:
            headers[CURSOR_HEADER] = found.cursor
            headers["Link"] = f'<?{self._next_query(found.cursor)}>; rel="next"'
        if _names(self._request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=query.format.media_type, headers=headers)

    def _freshness(self) -> str:
        end = self._query.end
        # Ticks may come late and revise their bars, and only rebuilding changes what is older than that.
        is_settled = end is not None and end <= datetime.now(UTC) - self._stores.settled_after
        return _SETTLED if is_settled else _UNSETTLED

    def _next_query(self, cursor: str) -> str:
        return urlencode({**self._request.query_params, "cursor": cursor})


def _names(condition: str, tag: str) -> bool:
    """Return whether an `If-None-Match` names a tag.

    Example:
        >>> _names('"a", W/"b"', '"b"'), _names("*", '"c"'), _names("", '"d"')
        (True, True, False)
    """
    named = {given.strip().removeprefix("W/") for given in condition.split(",")}
    return tag in named or "*" in named
