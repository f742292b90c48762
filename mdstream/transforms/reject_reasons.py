"""Why a trade or a quote cannot be used, in Columns: the same of Kafka's records and of any other frame."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F

from mdstream.schemas.limits import (
    MAX_CONDITIONS,
    MAX_NOTIONAL,
    MAX_PRICE,
    MAX_SIZE,
    MIN_EVENT_TIME,
    MIN_SIZE,
    SYMBOL_PATTERN,
    TEXT_PATTERN,
    Reason,
)

SHOWN_CHARACTERS = 80
"""How much is shown of a text that was found."""

_REPLACEMENT = "\ufffd"
"""What from_json makes of bytes that are not UTF-8."""

Reasons = list[tuple[Column, Column | str]]
"""Conditions under which a trade cannot be used, each with the reason, in the order in which they count."""


def first_of(reasons: Sequence[tuple[Column, Column | str]]) -> Column:
    """Return the first reason whose condition is true; null if none is."""
    verdict = F.when(*reasons[0])
    for condition, reason in reasons[1:]:
        verdict = verdict.when(condition, reason)
    return verdict


def is_any(predicates: Sequence[Column]) -> Column:
    """Return whether one of the predicates is true; never null."""
    return reduce(or_, (F.coalesce(predicate, F.lit(False)) for predicate in predicates))


def reasons_of_symbol(symbol: Column) -> Reasons:
    """Return what may be wrong with a symbol."""
    return [
        (symbol.isNull(), Reason.MISSING.of("symbol")),
        (~matches(symbol, SYMBOL_PATTERN), found(Reason.MALFORMED.of("symbol"), symbol)),
    ]


def reasons_of_amounts(price: Column, size: Column, *, nonpositive_prices: bool = False) -> Reasons:
    """Return what may be wrong with price and size, as doubles."""
    not_positive = (price <= 0, found(Reason.NOT_POSITIVE.of("price"), price))
    return [
        (price.isNull(), Reason.MISSING.of("price")),
        (is_not_finite(price), found(Reason.NOT_FINITE.of("price"), price)),
        *([] if nonpositive_prices else [not_positive]),
        (price < -MAX_PRICE, found(Reason.PRICE_TOO_LOW.of(), price)),
        (price > MAX_PRICE, found(Reason.PRICE_TOO_HIGH.of(), price)),
        (size.isNull(), Reason.MISSING.of("size")),
        (is_not_finite(size), found(Reason.NOT_FINITE.of("size"), size)),
        (size <= 0, found(Reason.NOT_POSITIVE.of("size"), size)),
        (size < MIN_SIZE, found(Reason.SIZE_TOO_LOW.of(), size)),
        (size > MAX_SIZE, found(Reason.SIZE_TOO_HIGH.of(), size)),
        (F.abs(price * size) > MAX_NOTIONAL, Reason.NOTIONAL_TOO_HIGH.of()),
    ]


def reason_too_early(time: Column, reason: Reason) -> tuple[Column, Column]:
    """Return that a time lies before all that is believed."""
    return time < F.timestamp_seconds(F.lit(int(MIN_EVENT_TIME.timestamp()))), found_time(reason.of(), time)


def reason_ahead(time: Column, other: Column, skew_seconds: int, reason: Reason) -> tuple[Column, Column]:
    """Return that a time lies too far ahead of another."""
    return time > other + F.expr(f"INTERVAL {skew_seconds} SECONDS"), found_time(reason.of(), time)


def reasons_of_times(max_future_skew_seconds: int) -> Reasons:
    """Return what may be wrong with the times of a Kafka record: its event_time, ingest_time and received_time."""
    event, ingest, received = F.col("event_time"), F.col("ingest_time"), F.col("received_time")
    return [
        reason_too_early(event, Reason.EVENT_TIME_TOO_EARLY),
        reason_too_early(ingest, Reason.INGEST_TIME_TOO_EARLY),
        reason_ahead(ingest, received, max_future_skew_seconds, Reason.INGEST_TIME_AHEAD),
        reason_ahead(event, ingest, max_future_skew_seconds, Reason.EVENT_TIME_AHEAD),
    ]


def reasons_of_text(texts: Mapping[str, Column], conditions: Column) -> Reasons:
    """Return what may be wrong with texts, by the names of their fields, and with an array of condition codes."""
    reasons: Reasons = [(~matches(text, TEXT_PATTERN), Reason.MALFORMED.of(name)) for name, text in texts.items()]
    bad_code = F.exists(conditions, lambda code: code.isNull() | ~matches(code, TEXT_PATTERN))
    return [*reasons, ((F.size(conditions) > MAX_CONDITIONS) | bad_code, Reason.MALFORMED.of("conditions"))]


def is_suspect_text(texts: Collection[Column], conditions: Column) -> Column:
    """Check all texts at once: of a trade that passes this, none of `reasons_of_text` is true."""
    # A code that is null becomes a control character, which no text may hold.
    everything = F.concat_ws("", *texts, F.array_join(conditions, "", "\x00"))
    return (
        ~matches(everything, TEXT_PATTERN)
        | F.contains(everything, F.lit(_REPLACEMENT))
        | (F.size(conditions) > MAX_CONDITIONS)
    )


def found(sentence: str, value: Column) -> Column:
    """Return the sentence with the value that was found."""
    return F.concat(F.lit(f"{sentence}: "), F.substring(value.cast("string"), 1, SHOWN_CHARACTERS))


def found_time(sentence: str, time: Column) -> Column:
    """Show a time as epoch microseconds: it may lie in a year that no calendar text can hold."""
    return F.concat(F.lit(f"{sentence}: "), F.unix_micros(time).cast("string"))


def matches(value: Column, pattern: str) -> Column:
    """Return whether the whole value matches a pattern of `mdstream.schemas.limits`."""
    return value.rlike(f"^(?:{pattern})\\z")


def is_not_finite(value: Column) -> Column:
    """Return whether a double is infinite or no number."""
    return F.isnan(value) | (F.abs(value) == float("inf"))
