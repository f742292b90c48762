"""Whether a frame has the columns that a transform reads, said before Spark plans anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyspark.sql import DataFrame
from pyspark.sql.types import BooleanType, DataType, IntegralType, NumericType, StringType, TimestampType

from mdstream.errors import InvalidInputError

_EXPECTED = {
    StringType: "text",
    TimestampType: "timestamps",
    NumericType: "numbers",
    IntegralType: "integers",
    BooleanType: "true or false",
}


def require_columns(frame: DataFrame, what: str, names: Iterable[str], remedy: str = "") -> None:
    """See that columns are there.

    Args:
        frame: Whose columns.
        what: What its rows are called, in the plural.
        names: The columns.
        remedy: How a user gets one that is missing.

    Raises:
        InvalidInputError: One is not.
    """
    missing = [name for name in names if name not in frame.columns]
    if missing:
        how = f"; {remedy}" if remedy else ""
        raise InvalidInputError(f"{what} have no column {missing[0]}; found: {', '.join(frame.columns)}{how}")


def check_columns(frame: DataFrame, what: str, kinds: Mapping[str, type[DataType]], remedy: str = "") -> None:
    """See that columns are there and of their types.

    Args:
        frame: Whose columns.
        what: What its rows are called, in the plural.
        kinds: Names and expected types.
        remedy: How a user gets a column that is missing.

    Raises:
        InvalidInputError: One is not.
    """
    require_columns(frame, what, kinds, remedy)
    found = {field.name: field.dataType for field in frame.schema}
    for name, kind in kinds.items():
        if not isinstance(found[name], kind):
            raise InvalidInputError(
                f"column {name} of {what} is {found[name].simpleString()}; expected {_EXPECTED[kind]}"
            )


def refuse_stream(frame: DataFrame, what: str, transform: str) -> None:
    """See that rows are stored ones: a transform that looks at a row's neighbours has to have them all.

    Raises:
        InvalidInputError: They are a stream.
    """
    if frame.isStreaming:
        raise InvalidInputError(
            f"found a stream of {what}; {transform} looks at rows before and after, so it takes stored ones"
        )
