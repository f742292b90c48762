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

_DIVISIONS = {
    "Divide": "try_divide(a, b)",
    "IntegralDivide": "try_divide(a, b)",
    "Remainder": "try_mod(a, b)",
    "Pmod": "try_mod(a, b)",
}
_LOOK_UPS = {"GetArrayItem": "get(array, index)", "ElementAt": "try_element_at(array, index)"}
_WHOLE_NUMBERS = ("tinyint", "smallint", "int", "bigint", "decimal")


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
    try:
        with _unlogged():
            # A condition, because it refuses aggregate, window and generator functions.
            selected = frame.where(F.expr(text).isNotNull())
            # There is no public way to what Spark made of an expression.
            execution: Any = selected._jdf.queryExecution()  # noqa: SLF001
            expression = execution.analyzed().condition().child()
            problem = _impurity(execution.analyzed()) or _risk(expression)
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


def _impurity(plan: Any) -> str | None:  # noqa: ANN401 - an object of the JVM
    if not plan.subqueries().isEmpty():
        return "a subquery is not possible: a rule sees one bar"
    if not plan.deterministic():
        return "it is not deterministic: after a restart the same bar could get another result"
    return None


def _risk(expression: Any) -> str | None:  # noqa: ANN401
    """Say what of an expression would stop the job on some value."""
    for node in _nodes(expression):
        kind = node.getClass().getSimpleName()
        if kind in _DIVISIONS and _is_ansi(node) and _may_be_zero(node.right()):
            return f"{node.right().sql()} may be 0, and a division by it would stop the job: write {_DIVISIONS[kind]}"
        if kind == "Cast" and _is_ansi(node) and _may_not_fit(node):
            return f"{node.sql()} stops the job where it is not possible: write TRY_CAST"
        if kind in _LOOK_UPS and node.failOnError():
            return f"{node.sql()} stops the job where there is no such element: write {_LOOK_UPS[kind]}"
        if kind == "RaiseError":
            return "raise_error and assert_true stop the job"
    return None


def _nodes(expression: Any) -> Iterator[Any]:  # noqa: ANN401
    yield expression
    for child in _children(expression):
        yield from _nodes(child)


def _children(expression: Any) -> list[Any]:  # noqa: ANN401
    children = expression.children()
    return [children.apply(number) for number in range(children.size())]


def _is_ansi(node: Any) -> bool:  # noqa: ANN401
    return str(node.evalMode().toString()) == "ANSI"


def _may_be_zero(divisor: Any) -> bool:  # noqa: ANN401
    return not divisor.foldable() or float(str(divisor.eval(None))) == 0


def _may_not_fit(cast: Any) -> bool:  # noqa: ANN401
    if cast.child().foldable():
        return False
    source, target = cast.child().dataType(), cast.dataType()
    narrow = source.simpleString() == "string" or target.simpleString().startswith(_WHOLE_NUMBERS)
    return narrow and not cast.canUpCast(source, target)


def _literals(expression: Any) -> Iterator[str]:  # noqa: ANN401
    """Find the text constants that may be an expression's result."""
    kind = expression.getClass().getSimpleName()
    children = _children(expression)
    if kind == "Literal" and expression.dataType().simpleString() == "string":
        yield str(expression.toString())
    elif kind == "CaseWhen":
        # Condition, value, condition, value ... and the value of ELSE.
        for value in [*children[1::2], *(children[-1:] if len(children) % 2 else [])]:
            yield from _literals(value)
    elif kind in {"If", "Coalesce"}:
        for value in children[1:] if kind == "If" else children:
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
