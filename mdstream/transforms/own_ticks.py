"""JSON of other people's topics to the fields of a tick: other names, and any type that `with_trade_columns` reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from mdstream.errors import InvalidInputError
from mdstream.schemas import TICK
from mdstream.schemas.limits import TEXT_FIELDS, Reason
from mdstream.schemas.tick_fields import check_tick_fields
from mdstream.transforms.code_lists import codes_of_text
from mdstream.transforms.reject_reasons import first_of
from mdstream.transforms.trade_columns import REQUIRED, UNREADABLE, with_trade_columns

MISREAD = "misread"
"""Column that says which value of a record cannot be read, and what was found; null if all can."""

_CORRUPT = "what is not JSON"
"""A name that no record has a field of."""

_READ = ("symbol", "event_time", "ingest_time", "price", "size", "sequence")
"""Fields that are more than text, or, as the symbol is, never missing."""

_Tree = dict[str, "_Tree"]


def with_own_fields(records: DataFrame, columns: Mapping[str, str], unit: str) -> DataFrame:
    """Read JSON objects whose fields have other names and types than those of a tick.

    Args:
        records: Columns text (the JSON; null where it is too long), received_time, and any others but a tick's.
        columns: Their names by the field of TICK that each holds; a dot goes into an object. A field that is not named
            has its own name.
        unit: Of times that are numbers: s, ms, us or ns since 1970.

    Returns:
        All columns but text, the fields of TICK, `misread`, and `is_not_an_object` and `is_unreadable`.

    Raises:
        InvalidInputError: There is no such field or unit, or a name is within another.
    """
    paths = paths_of(columns)
    tree = _tree_of(paths)
    schema = _schema(tree).add(_CORRUPT, StringType())
    # Names of fields may differ in case alone, which Spark's own names do not: from here on they are numbers.
    numbered = _schema(tree, numbered=True).add("corrupt", StringType())
    their = F.from_json("text", schema, {"columnNameOfCorruptRecord": _CORRUPT, "allowSingleQuotes": "false"})
    texts = {name: F.lit(None).cast("string") for name in TICK.schema.names}
    texts |= {name: F.col(f"their.{_numbers_of(tree, path)}") for name, path in paths.items()}
    codes = codes_of_text(texts["conditions"])
    read = (
        records.withColumn("their", their.cast(numbered))
        .withColumns({name: texts[name] for name in TEXT_FIELDS})
        .transform(with_trade_columns, **{name: texts[name] for name in _READ}, conditions=codes, unit=unit)
    )
    unreadable, lost_codes = F.col(UNREADABLE), texts["conditions"].isNotNull() & F.col("conditions").isNull()
    misread = first_of([(unreadable.isNotNull(), unreadable), (lost_codes, Reason.MALFORMED.of("conditions"))])
    no_object = F.col("their.corrupt").isNotNull() & F.json_object_keys("text").isNull()
    verdicts = {
        MISREAD: misread,
        "is_not_an_object": F.col("their").isNull(),
        "is_unreadable": no_object | misread.isNotNull(),
        "ingest_time": F.coalesce("ingest_time", "received_time"),
    }
    return read.withColumns(verdicts).drop(UNREADABLE, "their", "text")


def paths_of(columns: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return where each field of a tick is, name by name; those that can be nowhere are left out.

    Raises:
        InvalidInputError: There is no such field, or a name is within another.

    Example:
        >>> paths = paths_of({"symbol": "data.s", "event_time": "T"})
        >>> paths["symbol"], paths["event_time"], paths["price"]
        (('data', 's'), ('T',), ('price',))
    """
    check_tick_fields(columns)
    named = {name: tuple(theirs.split(".")) for name, theirs in columns.items()}
    usual = {name: (name,) for name in TICK.schema.names if name not in named}
    for path in named.values():
        required = {name: usual[name] for name in REQUIRED if name in usual}
        for name, other in {**named, **required}.items():
            if _is_within(path, other):
                raise InvalidInputError(
                    f"{'.'.join(path)} is within {'.'.join(other)}, which is to be the {name}: expected names of values"
                )
    return named | {
        name: path for name, path in usual.items() if not any(_is_within(other, path) for other in named.values())
    }


def _is_within(path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return len(path) > len(other) and path[: len(other)] == other


def _tree_of(paths: Mapping[str, tuple[str, ...]]) -> _Tree:
    tree: _Tree = {}
    for path in paths.values():
        node = tree
        for name in path:
            node = node.setdefault(name, {})
    return tree


def _schema(tree: _Tree, *, numbered: bool = False) -> StructType:
    """Return what is read: every value as text, whatever it is."""
    return StructType(
        [
            StructField(f"n{number}" if numbered else name, _schema(node, numbered=numbered) if node else StringType())
            for number, (name, node) in enumerate(tree.items())
        ]
    )


def _numbers_of(tree: _Tree, path: tuple[str, ...]) -> str:
    def numbers() -> Iterator[str]:
        node = tree
        for name in path:
            yield f"n{list(node).index(name)}"
            node = node[name]

    return ".".join(numbers())
