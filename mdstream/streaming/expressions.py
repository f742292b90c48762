"""Looks into Spark SQL expressions that users write, as Spark's analyser has understood them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pyspark.errors import PySparkException
from pyspark.logger import PySparkLogger
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mdstream.errors import did_you_mean
from mdstream.streaming.allowed import MOST_CHARACTERS, kind, parts, refusal
from mdstream.streaming.risks import risk


@dataclass(frozen=True)
class CheckedExpression:
    """What Spark makes of one expression.

    Attributes:
        problem: Why the expression cannot be used; None if it can.
        type: What it gives, in Spark SQL's words, e.g. `double`.
        literals: Text constants that it may give.
    """

    problem: str | None
    type: str = ""
    literals: tuple[str, ...] = ()


def check_expression(frame: DataFrame, text: str, also_known: Collection[str] = ()) -> CheckedExpression:
    """Let Spark analyse an expression over the columns of a frame.

    Args:
        frame: Has the columns. It must not be known to be empty, or Spark would look no further.
        text: Spark SQL.
        also_known: Words that may be meant, besides the columns.
    """
    if len(text) > MOST_CHARACTERS:
        return CheckedExpression(f"it has {len(text):,} characters; expected at most {MOST_CHARACTERS:,}")
    try:
        with _unlogged():
            # There is no public way to what Spark makes of an expression.
            session: Any = frame.sparkSession._jsparkSession  # noqa: SLF001
            problem = refusal(session.sessionState().sqlParser().parseExpression(text), frame.columns)
            if problem is not None:
                return CheckedExpression(problem)
            # Only now: Spark's analyser would read the files that a subquery names.
            execution: Any = frame.where(F.expr(text).isNotNull())._jdf.queryExecution()  # noqa: SLF001
            expression = execution.analyzed().condition().child()
            problem = risk(expression)
            if problem is None:
                # Constants are computed here, and may fail.
                execution.optimizedPlan()
    except PySparkException as exc:
        return CheckedExpression(_reason(exc, [*frame.columns, *also_known]))
    return CheckedExpression(problem, str(expression.dataType().simpleString()), tuple(_literals(expression)))


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep pyspark from logging every error with the whole stack of the JVM before it is raised."""
    logger = PySparkLogger.getLogger("SQLQueryContextLogger")
    was_disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = was_disabled


def _literals(expression: Any) -> Iterator[str]:  # noqa: ANN401
    """Find the text constants that may be an expression's result."""
    name = kind(expression)
    children = parts(expression)
    if name == "Literal" and expression.dataType().simpleString() == "string":
        yield str(expression.toString())
    elif name == "CaseWhen":
        # Condition, value, condition, value ... and the value of ELSE.
        for value in [*children[1::2], *(children[-1:] if len(children) % 2 else [])]:
            yield from _literals(value)
    elif name in {"If", "Coalesce"}:
        for value in children[1:] if name == "If" else children:
            yield from _literals(value)


def _reason(error: PySparkException, known: Collection[str]) -> str:
    """Shorten Spark's explanation to what helps."""
    condition = error.getCondition() or ""
    parameters = error.getMessageParameters() or {}
    if condition.startswith("UNRESOLVED_COLUMN"):
        name = parameters["objectName"].replace("`", "")
        return f"there is no column {name}; {did_you_mean(name, known)}"
    if condition.startswith("UNRESOLVED_ROUTINE"):
        return f"there is no function {parameters['routineName'].replace('`', '')}"
    if (
        condition.startswith(("INVALID_WHERE_CONDITION", "UNSUPPORTED_GENERATOR"))
        or "WHERE clause" in error.getMessage()
    ):
        return "aggregate, window and generator functions are not possible: a rule sees one bar"
    if condition == "PARSE_SYNTAX_ERROR":
        return f"it is not Spark SQL: look at or before {parameters['error']}"
    lines = error.getMessage().strip().splitlines() or [type(error).__name__]
    return re.sub(r"^\[[A-Z0-9_.]+\] | SQLSTATE: \w+.*$", "", lines[0]).rstrip(".")
