"""Anomaly rules: what makes a bar remarkable, as Spark SQL over its columns."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from mdstream.errors import InvalidInputError
from mdstream.schemas.records import SEVERITIES

RULE_NAME_PATTERN = r"[a-z][a-z0-9_]{0,62}"
"""A rule's name: it stands in keys, topics and tables."""

COMPUTED_PLACEHOLDERS = ("value", "threshold", "severity")
"""Placeholders of a message that are not columns: what the rule's own expressions gave."""

UNREADABLE_SEVERITY = "medium"
"""Severity of an anomaly whose severity expression gives none of the four: kept and shown, nobody is alerted."""

_LATENCY = re.compile(r"\blatency_ms\b", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER_FORMAT = re.compile(r"(,?\.[0-9]f|price|amount)?")


@dataclass(frozen=True)
class Placeholder:
    """A part of a message that is filled in.

    Attributes:
        column: A column, or one of `COMPUTED_PLACEHOLDERS`.
        number_format: How a number is written: `.2f`, or `,.2f` with thousands separated; `price` and `amount` with as
            many digits as matter, see `mdstream.schemas.digits`; empty for as it is.
    """

    column: str
    number_format: str = ""


@dataclass(frozen=True)
class Rule:
    """Finds one kind of anomaly.

    Expressions are Spark SQL over the columns of a bar, its indicators, `average_close_20`, `average_volume_20`,
    `previous_close`, the levels of the indicators (`rsi_14_overbought`) and `latency_ms`.

    Attributes:
        name: What anomalies found by it are called.
        predicate: Condition under which a bar is an anomaly; null is no.
        severity: One of the four severities, or an expression that gives one.
        message: Text for people with placeholders, e.g. `close {close:.2f} is {value:.1f} % away`.
        value: Expression of what the rule looks at, a number.
        threshold: Expression of what the value is held against, a number of the same unit.
        on: `revision`: revisions of the forming bar are looked at too: each, if predicate and severity name neither an
            indicator nor `latency_ms`, else under load the newest alone; `close`: closed bars alone.

    Raises:
        InvalidInputError: The name or the message is not usable.

    Example:
        >>> Rule("penny", "close < 1", "low", "{symbol}: {close:.3f}", "close", "1").message_parts
        (Placeholder(column='symbol', number_format=''), ': ', Placeholder(column='close', number_format='.3f'))
    """

    name: str
    predicate: str
    severity: str
    message: str
    value: str = "NULL"
    threshold: str = "NULL"
    on: Literal["revision", "close"] = "revision"

    def __post_init__(self) -> None:
        if not re.fullmatch(RULE_NAME_PATTERN, self.name):
            raise InvalidInputError(
                f"the name '{self.name}' is not usable; expected a lower-case letter, then at most 62 lower-case "
                "letters, digits and underscores, e.g. price_spike"
            )
        _parse_message(self.message)

    @property
    def message_parts(self) -> tuple[str | Placeholder, ...]:
        """The message as texts and what is filled in between."""
        return _parse_message(self.message)

    @property
    def is_of_latency(self) -> bool:
        """Whether it looks at how a bar came, which no later trade undoes."""
        return any(_LATENCY.search(text) for text in (self.predicate, self.severity, self.value, self.threshold))

    def is_judged_by(self, columns: Iterable[str]) -> bool:
        """Whether its predicate or severity names one of the columns."""
        words = set(re.findall(r"\w+", f"{self.predicate} {self.severity}".lower()))
        return not words.isdisjoint(column.lower() for column in columns)

    @property
    def severity_expression(self) -> str:
        """Spark SQL that gives the severity."""
        return f"'{self.severity}'" if self.severity in SEVERITIES else self.severity


def _parse_message(template: str) -> tuple[str | Placeholder, ...]:
    try:
        pieces = list(string.Formatter().parse(template))
    except ValueError as exc:
        raise InvalidInputError(
            f"the message '{template}' is not usable: {exc}; a brace itself is written twice: {{{{"
        ) from exc
    parts: list[str | Placeholder] = []
    for text, column, number_format, conversion in pieces:
        if text:
            parts.append(text)
        if column is None:
            continue
        if conversion or not _PLACEHOLDER.fullmatch(column) or not _NUMBER_FORMAT.fullmatch(number_format or ""):
            raise InvalidInputError(
                f"the message '{template}' has a placeholder that is not usable; expected {{column}}, {{column:.2f}}, "
                "{column:,.2f}, {column:price} or {column:amount}"
            )
        parts.append(Placeholder(column, number_format or ""))
    return tuple(parts)
