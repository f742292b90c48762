"""Shapes of the answers, derived from the records."""

from __future__ import annotations

from datetime import datetime
from types import GenericAlias
from typing import Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, create_model

from mdstream.schemas import BAR, STORED_TICK, TICK, Record

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
    return create_model(name, __config__=ConfigDict(frozen=True), __doc__=f"One {record.name}.", **fields)


Tick = model_of("Tick", TICK)
StoredTick = model_of("StoredTick", STORED_TICK)
Bar = model_of("Bar", BAR)


class Page(BaseModel):
    """One page of a series."""

    symbol: str = Field(description="the instrument that was asked for")
    order: Literal["asc", "desc"] = Field(description="desc: newest first; asc: oldest first")
    next_cursor: str | None = Field(description="pass as cursor to get the next page; null on the last page")


TickPage = create_model(
    "TickPage",
    __base__=Page,
    __doc__="One page of a symbol's ticks.",
    items=(_list_of(StoredTick), Field(description="the ticks, equal prints included")),
)
BarPage = create_model(
    "BarPage",
    __base__=Page,
    __doc__="One page of a symbol's bars.",
    window=(str, Field(description="name of the window")),
    items=(_list_of(Bar), Field(description="the newest revision of each bar")),
)


class Symbols(BaseModel):
    """What can be asked for."""

    symbols: list[str] = Field(description="every symbol of which a tick or bar is stored, in alphabetical order")
    windows: list[str] = Field(description="names of the configured windows; the first is the default")


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """The servers behind the API answer."""

    status: Literal["ready"] = "ready"
    servers: dict[str, str] = Field(description="state of each server behind the API")
