"""Bars with indicators to anomalies, by rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DoubleType,
    FractionalType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from mdstream.schemas import ANOMALY, SEVERITIES
from mdstream.schemas.digits import PRICE_DECIMALS, SIGNIFICANT_DIGITS
from mdstream.schemas.rules import UNREADABLE_SEVERITY, Placeholder, Rule

FINDINGS = "findings"
"""What rules found in a bar, see `with_findings`."""

_OF_THE_BAR = ("symbol", "window", "window_start", "trade_count")
_NEWEST = "last_event_time"
_FOUND = ArrayType(
    StructType(
        [
            StructField(name, DoubleType() if name in {"value", "threshold"} else StringType())
            for name in ("rule", "severity", "value", "threshold", "message")
        ]
    )
)
_NO_VALUE = "n/a"
_AS_IT_IS = "#,##0.######"
_SMALL = 1e-3
"""Numbers below have more digits that matter than are written of others."""
_MOST_DECIMALS = 18
_LEAST_DECIMALS = {"price": PRICE_DECIMALS, "amount": 0}
_NO_LEVELS: Mapping[str, float] = MappingProxyType({})


def to_anomalies(analysed: DataFrame, rules: Sequence[Rule], levels: Mapping[str, float] = _NO_LEVELS) -> DataFrame:
    """Find anomalies in bars, in one pass over them whatever the number of rules.

    A predicate that is null finds nothing. A severity that is none of the four becomes `UNREADABLE_SEVERITY`; a
    value or threshold that is not finite becomes null. An expression that fails on a value, such as a division by
    zero, fails the whole frame: `mdstream.streaming.check_rules` refuses those that can.

    Args:
        analysed: Columns of BAR, and whatever else the rules name: indicators, `average_close_20`,
            `average_volume_20`, `previous_close`, `latency_ms`.
        rules: What to look for.
        levels: Constants that rules may name as columns, e.g. `{"rsi_14_overbought": 70.0}`.

    Returns:
        Columns of ANOMALY, one row a bar and rule that holds for it; `detected_time` is when the query ran.

    Example:
        >>> rule = Rule("penny", "close < 1", "low", "{symbol} closed at {close:.3f}", "close", "1")
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> bars = frame_of(spark, BAR, [{"close": 0.5}, {"symbol": "MSFT", "close": 440.0}])
        >>> bars.transform(to_anomalies, [rule]).select("rule", "message").collect()
        [Row(rule='penny', message='AAPL closed at 0.500')]
    """
    return analysed.transform(with_findings, rules, levels).transform(findings_to_anomalies)


def with_findings(analysed: DataFrame, rules: Sequence[Rule], levels: Mapping[str, float] = _NO_LEVELS) -> DataFrame:
    """Add `FINDINGS`, what each rule that holds for a bar has to say; the first half of `to_anomalies`.

    Writing the rules down as columns takes Python a tenth of a second: a stream does it here once, and what it does for
    each of its batches is `findings_to_anomalies`.

    Args:
        analysed: As for `to_anomalies`.
        rules: What to look for.
        levels: Constants that rules may name as columns.

    Returns:
        The columns of `analysed` and an array of structs of rule, severity, value, threshold and message.

    Example:
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> rules = [Rule("penny", "close < 1", "low", "a penny"), Rule("dear", "close > 9", "low", "dear")]
        >>> bars = frame_of(spark, BAR, [{"close": 0.5}])
        >>> bars.transform(with_findings, rules).select("close", "findings.message").collect()
        [Row(close=0.5, message=['a penny'])]
    """
    known = analysed.transform(_with_levels, levels)
    types = {field.name: field.dataType for field in known.schema.fields}
    findings = F.array_compact(F.array(*(_anomaly(rule, types) for rule in rules)).cast(_FOUND))
    return known.withColumn(FINDINGS, findings).drop(*levels)


def to_severities(analysed: DataFrame, rules: Sequence[Rule], levels: Mapping[str, float] = _NO_LEVELS) -> DataFrame:
    """Say of each bar how grave it is to each rule, and nothing else: a fraction of the work of `with_findings`.

    Args:
        analysed: The columns that the rules' predicates and severities name.
        rules: What to look for.
        levels: Constants that rules may name as columns.

    Returns:
        A column a rule, called like it: the severity of what it finds, null for nothing.

    Example:
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> rules = [Rule("penny", "close < 1", "low", "a penny"), Rule("dear", "close > 9", "low", "dear")]
        >>> frame_of(spark, BAR, [{"close": 0.5}]).transform(to_severities, rules).collect()
        [Row(penny='low', dear=None)]
    """
    found = (F.when(F.expr(rule.predicate), _severity(rule)).alias(rule.name) for rule in rules)
    return analysed.transform(_with_levels, levels).select(*found)


def findings_to_anomalies(frame: DataFrame) -> DataFrame:
    """Turn what was found in bars into a row for each finding; the second half of `to_anomalies`.

    Args:
        frame: Columns of BAR and `FINDINGS`.

    Returns:
        Columns of ANOMALY; `detected_time` is when the query ran.

    Example:
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> found = frame_of(spark, BAR, [{"close": 0.5}]).transform(
        ...     with_findings, [Rule("penny", "close < 1", "low", "a penny")]
        ... )
        >>> found.transform(findings_to_anomalies).select("symbol", "rule", "severity").collect()
        [Row(symbol='AAPL', rule='penny', severity='low')]
    """
    newest = F.col(_NEWEST) if _NEWEST in frame.columns else F.lit(None).cast("timestamp_ltz").alias(_NEWEST)
    return (
        frame.select(*_OF_THE_BAR, newest, F.explode(FINDINGS).alias("found"))
        .select(*_OF_THE_BAR, _NEWEST, "found.*", F.current_timestamp().alias("detected_time"))
        .withColumn("withdrawn", F.lit(None).cast("boolean"))
        .select(*ANOMALY.schema.names)
    )


def _with_levels(frame: DataFrame, levels: Mapping[str, float]) -> DataFrame:
    # Spark Connect refuses to add no columns.
    return frame.withColumns({name: F.lit(float(level)) for name, level in levels.items()}) if levels else frame


def _severity(rule: Rule) -> Column:
    severity = F.expr(rule.severity_expression)
    return F.when(severity.isin(*SEVERITIES), severity).otherwise(UNREADABLE_SEVERITY)


def _anomaly(rule: Rule, types: Mapping[str, DataType]) -> Column:
    """Return what the rule has to say about a bar; null if it does not hold."""
    computed = {
        "severity": _severity(rule),
        "value": _finite(F.expr(rule.value)),
        "threshold": _finite(F.expr(rule.threshold)),
    }
    said = [
        _filled_in(part, computed, types) if isinstance(part, Placeholder) else F.lit(part)
        for part in rule.message_parts
    ]
    parts = {"rule": F.lit(rule.name), **computed, "message": F.concat(*said)}
    return F.when(F.expr(rule.predicate), F.struct(*(part.alias(name) for name, part in parts.items())))


def _finite(number: Column) -> Column:
    value = number.cast("double")
    # NaN is greater than any number.
    return F.when(F.abs(value) < float("inf"), value)


def _filled_in(placeholder: Placeholder, computed: Mapping[str, Column], types: Mapping[str, DataType]) -> Column:
    column = computed.get(placeholder.column, F.col(placeholder.column))
    if placeholder.number_format in _LEAST_DECIMALS:
        text = _with_digits(column, _LEAST_DECIMALS[placeholder.number_format])
    elif placeholder.number_format:
        text = F.format_string(f"%{placeholder.number_format}", column.cast("double"))
    elif placeholder.column in {"value", "threshold"} or isinstance(types.get(placeholder.column), FractionalType):
        as_it_is = F.call_function("format_number", column, F.lit(_AS_IT_IS))
        text = F.when(F.abs(column) < _SMALL, _with_digits(column, 0)).otherwise(as_it_is)
    elif isinstance(types.get(placeholder.column), TimestampType):
        seconds = (F.unix_micros(column).cast("decimal(18,0)") / F.lit(1_000_000)).cast("decimal(18,6)")
        # In UTC: a cast to text would take the session's time zone.
        text = (F.lit("1970-01-01").cast("timestamp_ntz") + F.make_dt_interval(secs=seconds)).cast("string")
    else:
        text = column.cast("string")
    # A format writes null as the word.
    return F.when(column.isNull(), _NO_VALUE).otherwise(text)


def _with_digits(column: Column, least_decimals: int) -> Column:
    """Write a number as `mdstream.schemas.digits` does; as Spark does where it is too large for that."""
    # No rounding takes a number of digits that differs from row to row, so the text in between rounds.
    rounded = F.format_string(f"%.{SIGNIFICANT_DIGITS - 1}e", column.cast("double"))
    form = f"#,##0.{'0' * least_decimals}{'#' * (_MOST_DECIMALS - least_decimals)}"
    text = F.call_function("format_number", rounded.try_cast(f"decimal(38,{_MOST_DECIMALS})"), F.lit(form))
    return F.coalesce(text, column.cast("string"))
