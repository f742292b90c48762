"""The endpoints for prices, series and symbols."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from mdstream.schemas import ANOMALY, BAR, PREDICTION, SEVERITIES, STORED_QUOTE, STORED_TICK, Record
from mdstream.serving.rest.errors import ApiError
from mdstream.serving.rest.formats import write_rows
from mdstream.serving.rest.models import (
    AnomalyPage,
    BarPage,
    Movers,
    PredictionPage,
    QuotePage,
    Symbols,
    Tick,
    TickPage,
    indicator_page,
)
from mdstream.serving.rest.pages import SOURCE_HEADER, Found, PageRequest
from mdstream.serving.rest.parameters import (
    AnomalyQuery,
    BarQuery,
    IndicatorQuery,
    MoverQuery,
    PredictionQuery,
    SeriesQuery,
    Symbol,
)
from mdstream.serving.rest.responses import LATEST, MOVERS, PAGE, REFUSALS, SYMBOLS, Responses
from mdstream.serving.rest.stores import OpenStores, Stores
from mdstream.stores.timescaledb.movers import MOVER, stored_movers
from mdstream.stores.timescaledb.reading import Connection
from mdstream.stores.timescaledb.series import Condition, Row, StoredSeries, latest_predictions, newest_tick

_SYMBOLS_FRESHNESS = "private, max-age=5"
_MOVERS_FRESHNESS = "private, no-cache"


def market_data_router(indicators: Record) -> APIRouter:
    """Return the endpoints.

    Args:
        indicators: The record of the configured indicators: their columns are part of the description.
    """
    router = APIRouter(prefix="/api/v1", tags=["market data"], responses=REFUSALS)
    endpoints: tuple[tuple[str, Any, type[BaseModel], Responses], ...] = (
        ("/latest/{symbol:path}", latest, Tick, LATEST),
        ("/ticks/{symbol:path}", ticks, TickPage, PAGE),
        ("/quotes/{symbol:path}", quotes, QuotePage, PAGE),
        ("/aggregated/{symbol:path}", aggregated, BarPage, PAGE),
        ("/indicators/{symbol:path}", indicators_of_bars, indicator_page(indicators), PAGE),
        ("/anomalies", anomalies, AnomalyPage, PAGE),
        ("/predictions/{symbol:path}", predictions, PredictionPage, PAGE),
        ("/movers", movers, Movers, MOVERS),
        ("/symbols", symbols, Symbols, SYMBOLS),
    )
    for path, endpoint, model, responses in endpoints:
        router.add_api_route(path, endpoint, response_model=model, responses=responses)
    return router


async def latest(symbol: Symbol, stores: OpenStores) -> Response:
    """Return the newest tick of a symbol.

    The header `X-Source` says where it came from: `redis`, or `database` when Redis has none or is away.
    """
    tick = await stores.newest.tick(symbol)
    source = "redis" if tick else "database"
    body = (tick or await _newest_stored(stores, symbol)).model_dump_json()
    return Response(body, media_type="application/json", headers={SOURCE_HEADER: source, "Cache-Control": "no-store"})


async def _newest_stored(stores: Stores, symbol: str) -> BaseModel:
    row = await stores.database.run(lambda connection: newest_tick(connection, symbol))
    if row is None:
        await stores.symbols.refuse_unknown(symbol)
        raise ApiError(404, "no_tick", f"no tick of '{symbol}' is stored, only bars", field="symbol")
    return Tick.model_validate(row)


async def ticks(
    request: Request, symbol: Symbol, query: Annotated[SeriesQuery, Query()], stores: OpenStores
) -> Response:
    """Return ticks of a symbol with `start` <= `event_time` < `end`, the newest first.

    Equal prints are common and all are returned; `kafka_partition` and `kafka_offset` tell them apart. Follow
    `next_cursor` until it is null: no tick is returned twice or left out, even while new ones arrive.
    """
    page = PageRequest(request, stores, StoredSeries(STORED_TICK, {"symbol": symbol}, query.order), query)
    return await page.answer(await page.from_database(), symbol=symbol)


async def quotes(
    request: Request, symbol: Symbol, query: Annotated[SeriesQuery, Query()], stores: OpenStores
) -> Response:
    """Return quotes of a symbol with `start` <= `event_time` < `end`, the newest first; `limit=1` is the newest.

    A quote is in force until the next one of its exchange. They are there if a feed was asked for quotes and
    `store_quotes` runs. Follow `next_cursor` until it is null.
    """
    page = PageRequest(request, stores, StoredSeries(STORED_QUOTE, {"symbol": symbol}, query.order), query)
    return await page.answer(await page.from_database(), symbol=symbol)


async def aggregated(
    request: Request, symbol: Symbol, query: Annotated[BarQuery, Query()], stores: OpenStores
) -> Response:
    """Return bars of a symbol with `start` <= `window_start` < `end`, the newest first.

    The newest bar may still be forming; ask again for its next revision. With `limit=1` and no range it comes from
    Redis if that has it, as the header `X-Source` says. Follow `next_cursor` until it is null.
    """
    window = stores.known_window(query.window)
    page = PageRequest(request, stores, StoredSeries(BAR, {"symbol": symbol, "window": window}, query.order), query)

    async def newest() -> Sequence[BaseModel]:
        bar = await stores.newest.bar(symbol, window)
        return [bar] if bar else []

    return await page.answer(await page.newest_first_from_redis(newest), symbol=symbol, window=window)


async def indicators_of_bars(
    request: Request, symbol: Symbol, query: Annotated[IndicatorQuery, Query()], stores: OpenStores
) -> Response:
    """Return the indicators of the newest bar of a symbol; with `limit` or a range, of more bars.

    Rows have `start` <= `window_start` < `end`, the newest first, and a field for each configured indicator, null
    while it warms up. Those of the newest bar come from Redis if that has them, as the header `X-Source` says.
    """
    window = stores.known_window(query.window)
    where: dict[str, Condition] = {"symbol": symbol, "window": window}
    page = PageRequest(request, stores, StoredSeries(stores.indicators, where, query.order), query)

    async def newest() -> Sequence[BaseModel]:
        row = await stores.newest.indicators(symbol, window)
        return [row] if row else []

    return await page.answer(await page.newest_first_from_redis(newest), symbol=symbol, window=window)


async def anomalies(request: Request, query: Annotated[AnomalyQuery, Query()], stores: OpenStores) -> Response:
    """Return what the rules found in bars with `start` <= `window_start` < `end`, the newest first.

    Without `symbol` those of all symbols. Follow `next_cursor` until it is null.
    """
    where: dict[str, Condition] = {}
    if query.symbol is not None:
        where["symbol"] = query.symbol
    if query.window is not None:
        where["window"] = stores.known_window(query.window)
    if query.rule is not None:
        where["rule"] = query.rule
    if query.min_severity is not None:
        where["severity"] = SEVERITIES[SEVERITIES.index(query.min_severity) :]
    page = PageRequest(request, stores, StoredSeries(ANOMALY, where, query.order), query)
    return await page.answer(await page.from_database())


async def predictions(
    request: Request, symbol: Symbol, query: Annotated[PredictionQuery, Query()], stores: OpenStores
) -> Response:
    """Return the newest forecast of a symbol for each horizon, the nearest horizon first.

    They come from Redis if that has them, as the header `X-Source` says. With `limit`, `start`, `end`, `order`,
    `cursor` or `horizon_minutes`: all that are stored with `start` <= `target_time` < `end`, the newest first.
    """
    where: dict[str, Condition] = {"symbol": symbol}
    if query.horizon_minutes is not None:
        where["horizon_minutes"] = query.horizon_minutes
    page = PageRequest(request, stores, StoredSeries(PREDICTION, where, query.order), query)
    asks_for_more = query.model_fields_set - {"format"}
    found = await (page.from_database() if asks_for_more else _latest_predictions(stores, symbol))
    return await page.answer(found, symbol=symbol)


async def _latest_predictions(stores: Stores, symbol: str) -> Found:
    remembered = await stores.newest.predictions(symbol)
    if remembered:
        return Found([prediction.model_dump() for prediction in remembered], None, "redis")

    def fetch(connection: Connection) -> Found:
        return Found(latest_predictions(connection, symbol), None, "database")

    return await stores.database.run(fetch)


async def movers(query: Annotated[MoverQuery, Query()], stores: OpenStores) -> Response:
    """Return the symbols that rise most and those that fall most: by the close of the newest complete bar.

    The change is from the close of the bar before, which may be up to a week older than `max_age_seconds`; a symbol
    without one, or whose close is the same, is no mover.
    """
    window, as_of = stores.known_window(query.window), query.at or datetime.now(UTC)
    max_age = timedelta(seconds=query.max_age_seconds)

    def fetch(connection: Connection) -> list[Row]:
        return stored_movers(connection, window, as_of, query.limit, max_age)

    rows = await stores.database.run(fetch)
    body = write_rows(rows, MOVER, query.format, {"window": window, "as_of": as_of})
    headers = {SOURCE_HEADER: "database", "Cache-Control": _MOVERS_FRESHNESS}
    return Response(body, media_type=query.format.media_type, headers=headers)


async def symbols(stores: OpenStores, response: Response) -> Symbols:
    """Return every stored symbol and every configured window; at most five seconds old."""
    response.headers[SOURCE_HEADER] = "database"
    response.headers["Cache-Control"] = _SYMBOLS_FRESHNESS
    return Symbols(symbols=await stores.symbols.all(), windows=list(stores.windows))
