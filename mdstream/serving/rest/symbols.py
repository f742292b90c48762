"""Which symbols there are, and the nearest one to a name that is none."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Sequence

from mdstream.serving.rest.errors import ApiError
from mdstream.stores.timescaledb.reading import Database, ReadingError
from mdstream.stores.timescaledb.series import stored_symbols, symbol_is_stored

_FRESH_SECONDS = 5.0
_MOST_OF_THE_TIME = 0.1
_RETRY_SECONDS = 1.0
_MOST_SHOWN = 20


class SymbolDirectory:
    """The stored symbols, asked for again when the answer is five seconds old.

    Where that takes long, the database spends at most a tenth of its time on it, and who asks meanwhile gets the
    list that was there before.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._symbols: list[str] | None = None
        self._failure: ReadingError | None = None
        self._fresh_until = 0.0
        self._refreshing: asyncio.Task[None] | None = None

    async def all(self) -> list[str]:
        """Return every stored symbol in alphabetical order.

        Raises:
            ReadingError: The database cannot answer now (503).
        """
        if asyncio.get_running_loop().time() >= self._fresh_until:
            if self._refreshing is None or self._refreshing.done():
                self._refreshing = asyncio.create_task(self._refresh())
            await asyncio.wait({self._refreshing}, timeout=None if self._symbols is None else _RETRY_SECONDS)
        if self._failure is not None:
            # One failure is told to many: without this it would collect the traces of all of them.
            raise self._failure.with_traceback(None)
        return self._symbols or []

    async def _refresh(self) -> None:
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            self._symbols = await self._database.scan(stored_symbols)
        except ReadingError as exc:
            self._failure = exc
        else:
            self._failure = None
            self._fresh_until = clock() + max(_FRESH_SECONDS, (clock() - started) / _MOST_OF_THE_TIME)

    async def close(self) -> None:
        """Wait for the question that is under way; the database has to be closed before."""
        if self._refreshing is not None:
            await self._refreshing

    async def refuse_unknown(self, symbol: str) -> None:
        """Do nothing if something is stored of `symbol`.

        Raises:
            ApiError: Nothing is (404).
            ReadingError: The database cannot answer now (503).
        """
        if await self._database.run(lambda connection: symbol_is_stored(connection, symbol)):
            return
        known = await self.all()
        near = await asyncio.to_thread(nearest, symbol, known)
        hint = f"{len(known)} symbols are stored; the nearest are listed" if known else "no symbol is stored yet"
        raise ApiError(404, "unknown_symbol", f"nothing is stored of '{symbol}': {hint}", field="symbol", known=near)


def nearest(symbol: str, known: Sequence[str]) -> list[str]:
    """Return at most 20 of the known symbols, the most similar ones first, then in their own order.

    Example:
        >>> nearest("appl", ["AAPL", "AMZN", "MSFT"])
        ['AAPL', 'AMZN', 'MSFT']
    """
    by_folded = {name.casefold(): name for name in known}
    similar = difflib.get_close_matches(symbol.casefold(), by_folded, n=_MOST_SHOWN)
    ranked = dict.fromkeys([*(by_folded[folded] for folded in similar), *known[:_MOST_SHOWN]])
    return list(ranked)[:_MOST_SHOWN]
