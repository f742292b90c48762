"""Trades in columns of any name and type, to the columns that bars are made of."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    DataType,
    FractionalType,
    IntegralType,
    NullType,
    NumericType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

from mdstream.errors import InvalidInputError, did_you_mean
from mdstream.schemas import STORED_TICK
from mdstream.schemas.limits import Reason
from mdstream.schemas.spark import spark_schema
from mdstream.transforms.instants import instant_of
from mdstream.transforms.reject_reasons import first_of, found

REQUIRED = ("symbol", "event_time", "price", "size")
"""What a trade must have to be part of a bar."""

OPTIONAL = ("ingest_time", "sequence", "kafka_offset", "conditions")
"""What is used of a trade if it is there: arrival, the source's order, the order of reading, condition codes."""

UNREADABLE = "unreadable"
"""Column that says which value of a trade could not be read, and what was found; null if all could."""

_TYPES = {field.name: field.dataType for field in spark_schema(STORED_TICK)}
_EXPECTED: Mapping[str, tuple[tuple[type[DataType], ...], str]] = {
    "symbol": ((StringType,), "text"),
    "event_time": ((TimestampType,), "timestamps"),
    "ingest_time": ((TimestampType,), "timestamps"),
    "price": ((NumericType,), "numbers"),
    "size": ((NumericType,), "numbers"),
    "sequence": ((IntegralType,), "integers"),
    "kafka_offset": ((IntegralType,), "integers"),
    "conditions": ((ArrayType,), "an array of codes"),
}
_REASONS = {
    **dict.fromkeys(("price", "size"), Reason.NOT_A_NUMBER),
    **dict.fromkeys(("event_time", "ingest_time"), Reason.NOT_A_TIME),
    **dict.fromkeys(("sequence", "kafka_offset"), Reason.NOT_AN_INTEGER),
}
_DECIMAL_NUMBER = r"^[+-]?(\d+([.]\d*)?|[.]\d+)([eE][+-]?\d{1,3})?$"
_WHOLE_NUMBER = r"^[+-]?\d{1,19}$"


def with_trade_columns(
    trades: DataFrame,
    *,
    symbol: str | Column = "symbol",
    event_time: str | Column = "event_time",
    price: str | Column = "price",
    size: str | Column = "size",
    conditions: str | Column | None = None,
    sequence: str | Column | None = None,
    kafka_offset: str | Column | None = None,
    ingest_time: str | Column | None = None,
    unit: str | None = None,
    zone: str | None = None,
    separator: str = ",",
) -> DataFrame:
    """Give trades of any table the columns that `to_bars` and `filter_usable_trades` read.

    Times may be timestamps, timestamps or text without a time zone (with `zone`), text with one as ISO 8601 has it, or
    epoch numbers (with `unit`): the result is the same instant in every session. Numbers may be integers, decimals,
    doubles or text; conditions arrays of text or integers, one integer, or text with a separator. What cannot be read
    is null, and `unreadable` says what it was: `filter_usable_trades` drops the trade for that.

    Args:
        trades: One row a trade. Columns that are not named here stay.
        symbol: Column of the instrument; a Column is taken as it is, e.g. `F.lit("BTCUSDT")`.
        event_time: Column of when the trade happened.
        price: Column of the price.
        size: Column of the units traded.
        conditions: Column of condition codes. This and the next three: by default the column of that name, if there.
        sequence: Column of the source's order of trades within a symbol.
        kafka_offset: Column of any other order that tells trades apart, such as a row's number.
        ingest_time: Column of when the trade reached whoever recorded it.
        unit: Of times that are numbers: s, ms, us or ns since 1970; a nanosecond is cut to its microsecond.
        zone: Of times that have none, e.g. `America/New_York`.
        separator: Between the codes of conditions in one text; empty if each character is a code.

    Returns:
        All columns, those above by the names of the arguments in types of STORED_TICK, and `unreadable`.

    Raises:
        InvalidInputError: A column is not there, or is of a type that cannot be read.

    Example:
        >>> row = ("AAPL", 1_767_364_200_000_000_000, "230.10", 5)
        >>> trades = spark.createDataFrame([row], "ticker string, sip_timestamp bigint, p string, s int")
        >>> trades.transform(
        ...     with_trade_columns, symbol="ticker", event_time="sip_timestamp", unit="ns", price="p", size="s"
        ... ).select("symbol", F.unix_seconds("event_time").alias("second"), "price", "size").collect()
        [Row(symbol='AAPL', second=1767364200, price=230.1, size=5.0)]
    """
    named = {"symbol": symbol, "event_time": event_time, "price": price, "size": size}
    for name, given in zip(OPTIONAL, (ingest_time, sequence, kafka_offset, conditions), strict=True):
        if given is not None:
            named[name] = given
        elif name in trades.columns:
            named[name] = name
    sources = {name: _source(trades, given) for name, given in named.items()}
    types = _types_of(trades, sources)
    columns = {
        name: _read(name, source, types[name], unit, zone, separator).alias(name) for name, source in sources.items()
    }
    lost = [
        (_is_there(name, source, types[name]) & columns[name].isNull(), found(_REASONS[name].of(name), source))
        for name, source in sources.items()
        if name in _REASONS
    ]
    return trades.withColumns({**columns, UNREADABLE: first_of(lost)})


def as_trades(ticks: DataFrame, *more: Column) -> DataFrame:
    """Return `REQUIRED`, `OPTIONAL` and `unreadable` of a frame, in types of STORED_TICK; null what is not there.

    Args:
        ticks: Trades in columns of these names.
        more: Further columns, which are kept as they are.

    Raises:
        InvalidInputError: A required column is not there, or one is of another type.
    """
    kinds = checked_types(ticks)
    columns = []
    for name in (*REQUIRED, *OPTIONAL):
        kind = kinds.get(name, NullType())
        value = F.lit(None) if isinstance(kind, NullType) else F.col(name)
        # A time stays the column that it is: a watermark goes by that.
        columns.append(value if isinstance(kind, TimestampType) else value.cast(_TYPES[name]).alias(name))
    unreadable = F.col(UNREADABLE) if UNREADABLE in ticks.columns else F.lit(None).cast("string").alias(UNREADABLE)
    return ticks.select(*columns, unreadable, *more)


def checked_types(trades: DataFrame) -> dict[str, DataType]:
    """Return the types of those of `REQUIRED` and `OPTIONAL` that a frame has.

    Raises:
        InvalidInputError: A required column is not there, or one is of another type.
    """
    present = {field.name.lower(): field.dataType for field in trades.schema}
    missing = [name for name in REQUIRED if name not in present]
    if missing:
        raise InvalidInputError(
            f"trades have no column {missing[0]}; found: {', '.join(trades.columns)}. Columns of other names are named "
            f"by with_trade_columns, e.g. with_trade_columns(trades, {missing[0]}=...)"
        )
    kinds = {name: present[name] for name in (*REQUIRED, *OPTIONAL) if name in present}
    for name, kind in kinds.items():
        _check_type(name, kind)
    return kinds


def _check_type(name: str, kind: DataType) -> None:
    types, expected = _EXPECTED[name]
    if isinstance(kind, NullType) or (_is_array_of_codes(kind) if name == "conditions" else isinstance(kind, types)):
        return
    why = ", which is not an instant without a time zone" if isinstance(kind, TimestampNTZType) else ""
    raise InvalidInputError(
        f"column {name} is {kind.simpleString()}{why}; expected {expected}: with_trade_columns reads epoch numbers "
        "(unit=), times without a zone (zone=), and text"
    )


def _is_array_of_codes(kind: DataType) -> bool:
    return isinstance(kind, ArrayType) and isinstance(kind.elementType, StringType | IntegralType | NullType)


def _source(trades: DataFrame, given: str | Column) -> Column:
    if isinstance(given, Column):
        return given
    if given in trades.columns:
        return F.col(f"`{given.replace('`', '``')}`")
    # A dot goes into a struct, and only Spark knows what is there.
    if "." not in given and given.lower() not in map(str.lower, trades.columns):
        raise InvalidInputError(f"trades have no column {given}; {did_you_mean(given, trades.columns)}")
    return F.col(given)


def _types_of(trades: DataFrame, sources: Mapping[str, Column]) -> dict[str, DataType]:
    schema = trades.select(*(source.alias(name) for name, source in sources.items())).schema
    return {field.name: field.dataType for field in schema}


def _read(name: str, value: Column, kind: DataType, unit: str | None, zone: str | None, separator: str) -> Column:
    if isinstance(kind, NullType):
        return value.cast(_TYPES[name])
    if name in {"event_time", "ingest_time"}:
        return instant_of(value, kind, name, unit, zone)
    if name == "conditions":
        return _codes(value, kind, separator)
    if name == "symbol":
        if not isinstance(kind, StringType | IntegralType):
            raise _unexpected(name, kind, "text or integers")
        return value.cast("string")
    if isinstance(kind, StringType):
        text = F.trim(value)
        pattern = _DECIMAL_NUMBER if name in {"price", "size"} else _WHOLE_NUMBER
        return F.when(text.rlike(pattern), text).try_cast(_TYPES[name])
    if not isinstance(kind, NumericType):
        raise _unexpected(name, kind, "numbers, or text with them")
    if name in {"price", "size"}:
        return value.cast("double")
    whole = value if isinstance(kind, IntegralType) else F.when(value == F.floor(value), value)
    return whole.try_cast("bigint")


def _codes(value: Column, kind: DataType, separator: str) -> Column:
    if _is_array_of_codes(kind):
        return value.cast("array<string>")
    if isinstance(kind, IntegralType):
        return F.when(value.isNotNull(), F.array(value.cast("string")))
    if not isinstance(kind, StringType):
        raise _unexpected("conditions", kind, "an array of codes, an integer or text")
    parts = F.transform(F.split(value, f"\\Q{separator}\\E" if separator else ""), lambda part: F.trim(part))
    return F.filter(parts, lambda part: part != "")


def _unexpected(name: str, kind: DataType, expected: str) -> InvalidInputError:
    return InvalidInputError(f"column {name} is {kind.simpleString()}; expected {expected}")


def _is_there(name: str, source: Column, kind: DataType) -> Column:
    # pandas has NaN where an integer is missing.
    is_nan = F.isnan(source) if isinstance(kind, FractionalType) and name not in {"price", "size"} else F.lit(False)
    return source.isNotNull() & ~is_nan
