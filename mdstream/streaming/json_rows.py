"""Rows as JSON text, in which each value is read as it was."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, DataType, MapType, StringType, StructType

from mdstream.errors import InvalidInputError

JSON = {
    "timeZone": "UTC",
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}
"""How rows are written so that each value is read as it was."""


def check_json(frame: DataFrame, what: str) -> None:
    """See that Spark reads all columns of rows from JSON.

    Args:
        frame: Whose columns.
        what: What its rows are called, in the plural.

    Raises:
        InvalidInputError: It does not read one.
    """
    for field in frame.schema:
        if not _is_json(field.dataType):
            raise InvalidInputError(
                f"column {field.name} of the {what} is {field.dataType.simpleString()}, which cannot be "
                "kept as text; expected maps with text as keys, or leave it out"
            )


def _is_json(kind: DataType) -> bool:
    """Return whether Spark reads a value of this type from JSON."""
    if isinstance(kind, StructType):
        return all(_is_json(field.dataType) for field in kind)
    if isinstance(kind, ArrayType):
        return _is_json(kind.elementType)
    return not isinstance(kind, MapType) or (isinstance(kind.keyType, StringType) and _is_json(kind.valueType))
