"""The endpoints for prices, ticks, bars and symbols."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from mdstream.errors import did_you_mean
from mdstream.schemas import BAR, STORED_TICK
from mdstream.serving.rest.errors import ApiError, error_responses, invalid_parameter
from mdstream.serving.rest.models import BarPage, Symbols, Tick, TickPage
from mdstream.serving.rest.parameters import BarQuery, SeriesQuery, Symbol
from mdstream.serving.rest.queries import Series, newest_tick
from mdstream.serving.rest.stores import OpenStores, Stores

router = APIRouter(prefix="/api/v1", tags=["market data"])

_SOURCE_HEADER = "X-Source"


@router.get("/latest/{symbol:path}", response_model=Tick, responses=error_responses(404, 422, 503))
async def latest(symbol: Symbol, stores: OpenStores, response: Response) -> BaseModel:
    """Return the newest tick of a symbol.

    The header `X-Source` says where it came from: `redis`, or `database` when Redis has none or is away.
    """
    tick = await stores.prices.get(symbol)
    response.headers[_SOURCE_HEADER] = "redis" if tick else "database"
    return tick or await _newest_stored(stores, symbol)


async def _newest_stored(stores: Stores, symbol: str) -> BaseModel:
    row = await stores.database.run(lambda connection: newest_tick(connection, symbol))
    if row is None:
        await stores.symbols.refuse_unknown(symbol)
        raise ApiError(404, "no_tick", f"no tick of '{symbol}' is stored, only bars", field="symbol")
    return Tick.model_validate(row)


@router.get("/ticks/{symbol:path}", response_model=TickPage, responses=error_responses(404, 422, 503))
async def ticks(
    symbol: Symbol, query: Annotated[SeriesQuery, Query()], stores: OpenStores, response: Response
) -> BaseModel:
    """Return ticks of a symbol with `start` <= `event_time` < `end`, the newest first.

    Equal prints are common and all are returned; `kafka_partition` and `kafka_offset` tell them apart. Follow
    `next_cursor` until it is null: no tick is returned twice or left out, even while new ones arrive.
    """
    response.headers[_SOURCE_HEADER] = "database"
    return await _page(stores, Series(STORED_TICK, (symbol,), query.order), query, TickPage)


@router.get("/aggregated/{symbol:path}", response_model=BarPage, responses=error_responses(404, 422, 503))
async def aggregated(
    symbol: Symbol, query: Annotated[BarQuery, Query()], stores: OpenStores, response: Response
) -> BaseModel:
    """Return bars of a symbol with `start` <= `window_start` < `end`, the newest first.

    The newest bar may still be forming; ask again for its next revision. Follow `next_cursor` until it is null.
    """
    window = stores.windows[0] if query.window is None else query.window
    if window not in stores.windows:
        hint = did_you_mean(window, stores.windows)
        raise invalid_parameter("window", f"no such window is configured; {hint}", known=stores.windows)
    response.headers[_SOURCE_HEADER] = "database"
    return await _page(stores, Series(BAR, (symbol, window), query.order), query, BarPage, window=window)


async def _page(stores: Stores, series: Series, query: SeriesQuery, model: type[BaseModel], **named: str) -> BaseModel:
    try:
        after = series.position_of(query.cursor) if query.cursor else None
    except ValueError as exc:
        expected = f"{exc}; expected the next_cursor of a page of the same symbol, window and order"
        raise invalid_parameter("cursor", expected) from exc
    symbol = series.fixed[0]

    def fetch(connection: sa.Connection) -> BaseModel | None:
        rows = series.fetch(connection, query.limit + 1, query.start, query.end, after)
        items = rows[: query.limit]
        cursor = series.cursor_behind(items[-1]) if len(rows) > query.limit else None
        return model(symbol=symbol, order=series.order, items=items, next_cursor=cursor, **named) if items else None

    page = await stores.database.run(fetch)
    if page is None:
        await stores.symbols.refuse_unknown(symbol)
        return model(symbol=symbol, order=series.order, items=[], next_cursor=None, **named)
    return page


@router.get("/symbols", responses=error_responses(503))
async def symbols(stores: OpenStores, response: Response) -> Symbols:
    """Return every stored symbol and every configured window; at most five seconds old."""
    response.headers[_SOURCE_HEADER] = "database"
    return Symbols(symbols=await stores.symbols.all(), windows=list(stores.windows))
