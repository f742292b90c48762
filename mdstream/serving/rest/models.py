"""Shapes of the answers, derived from the records."""

from __future__ import annotations

from datetime import datetime
from types import GenericAlias
from typing import Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, create_model

from mdstream.schemas import ANOMALY, BAR, PREDICTION, STORED_QUOTE, STORED_TICK, TICK, Record
from mdstream.serving.rest.examples import example_of
from mdstream.stores.timescaledb.movers import MOVER

_SIMPLE_TYPES: dict[pa.DataType, type] = {
    pa.string(): str,
    pa.float64(): float,
    pa.int32(): int,
    pa.int64(): int,
    pa.bool_(): bool,
}


def _python_type(kind: pa.DataType) -> Any:  # noqa: ANN401 - a type made at run time
    if pa.types.is_list(kind):
        return _list_of(_python_type(kind.value_type))
    if pa.types.is_timestamp(kind):
        return datetime
    return _SIMPLE_TYPES[kind]


def _list_of(item: type) -> Any:  # noqa: ANN401 - a type made at run time
    return GenericAlias(list, (item,))


def model_of(name: str, record: Record) -> type[BaseModel]:
    """Return a model with the record's fields and their comments; times are datetimes, ISO 8601 in JSON.

    Example:
        >>> model_of("Tick", TICK).model_fields["price"].description
        "price of the trade in the instrument's currency"
    """
    fields: dict[str, Any] = {}
    for field in record.schema:
        kind = _python_type(field.type)
        comment = field.metadata[b"comment"].decode()
        fields[field.name] = (kind | None if field.nullable else kind, Field(description=comment))
    config = ConfigDict(frozen=True, json_schema_extra={"examples": [example_of(record)]})
    return create_model(name, __config__=config, __doc__=f"One {record.name}.", **fields)


Tick = model_of("Tick", TICK)
StoredTick = model_of("StoredTick", STORED_TICK)
StoredQuote = model_of("StoredQuote", STORED_QUOTE)
Bar = model_of("Bar", BAR)
Anomaly = model_of("Anomaly", ANOMALY)
Prediction = model_of("Prediction", PREDICTION)
Mover = model_of("Mover", MOVER)


class Page(BaseModel):
    """One page of a series."""

    order: Literal["asc", "desc"] = Field(description="desc: newest first; asc: oldest first")
    next_cursor: str | None = Field(description="pass as cursor to get the next page; null on the last page")


def page_of(row: type[BaseModel], meaning: str, **named: str) -> type[BaseModel]:
    """Return the model of a page of `row`s.

    Args:
        row: The model of one row.
        meaning: What the rows are.
        named: What else the page names, with its description.
    """
    fields: dict[str, Any] = {name: (str, Field(description=text)) for name, text in named.items()}
    fields["items"] = (_list_of(row), Field(description=meaning))
    return create_model(f"{row.__name__}Page", __base__=Page, __doc__=f"One page: {meaning}.", **fields)


_SYMBOL = "the instrument that was asked for"
_WINDOW = "name of the window"
TickPage = page_of(StoredTick, "the ticks, equal prints included", symbol=_SYMBOL)
QuotePage = page_of(StoredQuote, "the quotes; a price of 0 says that nobody quotes", symbol=_SYMBOL)
BarPage = page_of(Bar, "the newest revision of each bar", symbol=_SYMBOL, window=_WINDOW)
AnomalyPage = page_of(Anomaly, "the bars that a rule found remarkable, as last found")
PredictionPage = page_of(Prediction, "the forecasts, of each target the one made last", symbol=_SYMBOL)


def indicator_page(indicators: Record) -> type[BaseModel]:
    """Return the model of a page of the configured indicators."""
    row = model_of("Indicators", indicators)
    return page_of(row, "the indicators of each bar; null while warming up", symbol=_SYMBOL, window=_WINDOW)


class Movers(BaseModel):
    """Who rises and falls most, as of a time."""

    window: str = Field(description=_WINDOW)
    as_of: datetime = Field(description="bars that were complete at this time are looked at")
    items: list[Mover] = Field(  # type: ignore[valid-type]
        description="those that rise, the most first, then those that fall, the most first"
    )


class Symbols(BaseModel):
    """What can be asked for."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"symbols": ["AAPL", "BTC/USD"], "windows": ["1min", "5min", "15min"]}]}
    )

    symbols: list[str] = Field(
        description="every symbol of which a tick, quote or bar is stored, in alphabetical order"
    )
    windows: list[str] = Field(description="names of the configured windows; the first is the default")


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """The servers behind the API answer."""

    status: Literal["ready"] = "ready"
    servers: dict[str, str] = Field(description="state of each server behind the API")
