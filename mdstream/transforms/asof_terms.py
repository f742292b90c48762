"""What rows of two frames are matched by: their keys, their times, and an order of those that share a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, IntegralType, MapType, StructType, TimestampType, VariantType

from mdstream.errors import InvalidInputError
from mdstream.transforms.required_columns import require_columns

_ORDER = ("sequence", "kafka_offset")
_MICROSECOND = timedelta(microseconds=1)


class Direction(StrEnum):
    """On which side of a row's time the other row is looked for."""

    BACKWARD = "backward"
    FORWARD = "forward"
    NEAREST = "nearest"


def order_of(frame: DataFrame) -> list[str]:
    """Return the columns that order rows of one symbol and time, as far as they are there."""
    return [name for name in _ORDER if name in frame.columns]


def check_direction(direction: Direction | str) -> None:
    """See that there is such a direction."""
    if direction not in list(Direction):
        raise InvalidInputError(f"there is no direction '{direction}'; expected one of {', '.join(Direction)}")


def kind_of_time(left: DataFrame, right: DataFrame, on: str, keys: Sequence[str]) -> DataType:
    """Return the type of the time, after a look at all columns that both frames must have alike."""
    types = []
    for name, frame in (("left", left), ("right", right)):
        found = {field.name: field.dataType for field in frame.schema}
        require_columns(frame, f"the {name} rows", (on, *keys), "rename the one that is meant, so that both have it")
        types.append([found[column] for column in (on, *keys)])
    for column, *kinds in zip((on, *keys), *types, strict=True):
        if kinds[0] != kinds[1]:
            raise InvalidInputError(
                f"column {column} is {kinds[0].simpleString()} on the left and {kinds[1].simpleString()} on the right; "
                "expected one type"
            )
    kind = types[0][0]
    if not isinstance(kind, TimestampType | IntegralType):
        raise InvalidInputError(f"column {on} is {kind.simpleString()}; expected timestamps or whole numbers")
    return kind


def units_of(length: timedelta | int | None, kind: DataType, name: str) -> int | None:
    """Return a length in the unit of the time, microseconds if that is a timestamp."""
    if length is None:
        return None
    is_time = isinstance(kind, TimestampType)
    if isinstance(length, timedelta) != is_time:
        expected = "a timedelta" if is_time else "a whole number"
        raise InvalidInputError(f"{name} is {length!r}; expected {expected}, as the column is {kind.simpleString()}")
    units = length // _MICROSECOND if isinstance(length, timedelta) else length
    if units < (1 if name == "bucket" else 0):
        raise InvalidInputError(f"{name} is {length}; expected a length of time, not below 0")
    return units


def names_of(left: DataFrame, right: DataFrame, keys: Sequence[str], suffix: str) -> dict[str, str]:
    """Return what the columns of the right are to be called."""
    taken = {name.lower() for name in left.columns}
    names: dict[str, str] = {}
    for name in right.columns:
        if name in keys:
            continue
        alias = f"{name}{suffix}" if name.lower() in taken else name
        if alias.lower() in taken:
            raise InvalidInputError(f"there would be two columns {alias}; rename one, or give another suffix")
        taken.add(alias.lower())
        names[name] = alias
    return names


def place_of(frame: DataFrame, on: str, keys: Sequence[str]) -> list[Column]:
    """Return where a row is: its keys, as `key_0` and so on, and `time` as a whole number."""
    is_timestamp = isinstance(frame.schema[on].dataType, TimestampType)
    time = F.unix_micros(named(on)) if is_timestamp else named(on).cast("bigint")
    # One series has a key too: without any, Spark warns of what is meant here.
    shared = [named(name) for name in keys] or [F.lit(0)]
    return [*(key.alias(f"key_{number}") for number, key in enumerate(shared)), time.alias("time")]


def has_place(on: str, keys: Sequence[str]) -> Column:
    """Return whether a row has a time and all keys."""
    return reduce(and_, (named(name).isNotNull() for name in (on, *keys)))


def ties_of(right: DataFrame) -> dict[str, Column]:
    """Return what orders rows of one key and time, the weightiest first, by names of columns."""
    hashed = [named(field.name) for field in right.schema if _has_hash(field.dataType)]
    ties = {f"tie_{name}": F.col(name).cast("bigint") for name in order_of(right)}
    return {**ties, "tie_hash": F.xxhash64(*hashed)}


def named(name: str) -> Column:
    """Return the column of exactly this name, dots and all."""
    return F.col(f"`{name.replace('`', '``')}`")


def _has_hash(kind: DataType) -> bool:
    if isinstance(kind, StructType):
        return all(_has_hash(field.dataType) for field in kind)
    return _has_hash(kind.elementType) if isinstance(kind, ArrayType) else not isinstance(kind, MapType | VariantType)
