"""Checks anomaly rules before a job starts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from weakref import WeakKeyDictionary

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import NumericType

from mdstream.config import Settings
from mdstream.config.problems import problem_list
from mdstream.errors import ConfigError, did_you_mean
from mdstream.indicators import analysed_schema, indicator_levels
from mdstream.schemas import SEVERITIES
from mdstream.schemas.rules import COMPUTED_PLACEHOLDERS, Placeholder, Rule
from mdstream.streaming.expressions import check_expression

_NUMBER = re.compile(r"(double|float|tinyint|smallint|int|bigint|void|decimal\(.*\))")
_EXPECTED = {
    "predicate": ("true or false", re.compile("boolean")),
    "severity": ("text", re.compile("string")),
    "value": ("a number", _NUMBER),
    "threshold": ("a number", _NUMBER),
}


_PASSED: WeakKeyDictionary[SparkSession, list[tuple[object, object]]] = WeakKeyDictionary()
"""Of each session the rules that can be used, and the indicators whose columns they name."""


def check_rules(spark: SparkSession, rules: Sequence[Rule], settings: Settings) -> None:
    """Let Spark analyse every expression of every rule on the columns that there will be.

    Only what `mdstream.streaming.allowed` lists can be used: what sees one row, gives the same again, and has bounds of
    time and memory that are known. Refused are unknown columns, wrong types, severities other than the four, and what
    would stop the job on some value: divisions by what may be zero, casts that may not be possible, sums and products
    that may be too large. Nothing is run and no file is read. What a session has let pass it is not asked again.

    Args:
        spark: The session.
        rules: The rules, see `mdstream.config.load_rules`.
        settings: The indicators, whose columns rules may name.

    Raises:
        ConfigError: Names every rule and expression that cannot be used, and why.
    """
    asked = (tuple(rules), settings.indicators)
    passed = _PASSED.setdefault(spark, [])
    if asked in passed:
        return
    frame = _empty_analysed(spark, settings)
    problems = [f"rule '{rule.name}': {problem}" for rule in rules for problem in _problems(frame, rule)]
    if problems:
        raise ConfigError(problem_list("anomaly rules cannot be used:", problems))
    passed.append(asked)


def _empty_analysed(spark: SparkSession, settings: Settings) -> DataFrame:
    """Return bars with all that rules may name, and no rows."""
    schema = from_arrow_schema(analysed_schema(settings.indicators))
    # Not a list: Spark would see that there are no rows, or what is in them, and look no further.
    rows = spark.range(1).select(F.from_json(F.col("id").cast("string"), schema).alias("bar")).select("bar.*")
    return rows.select("*", *(F.lit(v).alias(name) for name, v in indicator_levels(settings.indicators).items()))


def _problems(frame: DataFrame, rule: Rule) -> Iterator[str]:
    for part, (wanted, types) in _EXPECTED.items():
        text = rule.severity_expression if part == "severity" else getattr(rule, part)
        checked = check_expression(frame, text, SEVERITIES if part == "severity" else ())
        problem = checked.problem
        if problem is None and not types.fullmatch(checked.type):
            problem = f"it gives {checked.type}; expected {wanted}"
        if problem is None and part == "severity":
            problem = _unknown_severity(checked.literals)
        if problem is not None:
            yield f"{part} `{getattr(rule, part)}`: {problem}"
    known = {*frame.columns, *COMPUTED_PLACEHOLDERS}
    for piece in rule.message_parts:
        if isinstance(piece, Placeholder):
            yield from _placeholder_problems(frame, piece, known)


def _unknown_severity(literals: Sequence[str]) -> str | None:
    for found in literals:
        if found not in SEVERITIES:
            return f"there is no severity '{found}'; {did_you_mean(found, SEVERITIES)}"
    return None


def _placeholder_problems(frame: DataFrame, placeholder: Placeholder, known: set[str]) -> Iterator[str]:
    column = placeholder.column
    if column not in known:
        yield f"message: there is no column {column}; {did_you_mean(column, known)}"
    elif placeholder.number_format and (
        column == "severity" or (column in frame.columns and not isinstance(frame.schema[column].dataType, NumericType))
    ):
        yield f"message: {column} is not a number and cannot be written as {placeholder.number_format}"
