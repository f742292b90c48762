"""What a request may say: types, limits and meaning of the parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from mdstream.errors import did_you_mean
from mdstream.schemas.limits import MIN_EVENT_TIME
from mdstream.schemas.rules import RULE_NAME_PATTERN
from mdstream.schemas.symbols import Symbol as AnySymbol
from mdstream.schemas.times import parse_time as read_parameter
from mdstream.schemas.wire import to_micros
from mdstream.serving.rest.formats import Format

MAX_PAGE = 5_000
"""Most rows of one page."""

MAX_MOVERS = 500
"""Most movers of each side."""

MAX_AGE_SECONDS = 7 * 86_400
"""Longest that the newest bar of a mover may lie back."""

_MAX_CURSOR_LENGTH = 512
_LONGEST_HORIZON = 525_600
_SPACE_FOR_PLUS = re.compile(r"(T.*\d) (\d\d:?\d\d)$")

Symbol = Annotated[
    AnySymbol,
    Path(
        description="Instrument, as the source names it. A slash belongs to the symbol: `latest/BTC/USD`.",
        examples=["AAPL"],
    ),
]


def parse_time(value: object) -> datetime:
    """Read a point in time from a query string.

    Args:
        value: What `mdstream.schemas.times.parse_time` reads.

    Raises:
        ValueError: It is neither.

    Example:
        >>> parse_time("2013-10-07T09:30:00-04:00").isoformat()
        '2013-10-07T13:30:00+00:00'
        >>> parse_time("1381152600000000").isoformat()
        '2013-10-07T13:30:00+00:00'
    """
    # A "+" that was not percent-encoded arrives as a space.
    return read_parameter(_SPACE_FOR_PLUS.sub(r"\1+\2", str(value)))


Time = Annotated[
    datetime,
    BeforeValidator(parse_time),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {
                    "type": "integer",
                    "minimum": to_micros(MIN_EVENT_TIME),
                    "maximum": to_micros(datetime.max.replace(tzinfo=UTC)),
                },
            ]
        }
    ),
]


class KnownQuery(BaseModel):
    """Parameters of which each is known: one that is not is refused with the nearest."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, given: Any) -> Any:  # noqa: ANN401 - whatever the request held
        if isinstance(given, Mapping):
            for name in given:
                if name not in cls.model_fields:
                    hint = did_you_mean(name, cls.model_fields)
                    raise PydanticCustomError(
                        "unknown_parameter", "unknown parameter; {hint}", {"field": name, "hint": hint}
                    )
        return given


class SeriesQuery(KnownQuery):
    """Which part of a series, and in which order."""

    limit: int = Field(100, ge=1, le=MAX_PAGE, description="most rows of the page")
    start: Time | None = Field(
        None,
        description="First instant, included: ISO 8601 (UTC unless it has an offset) or epoch microseconds.",
        examples=["2013-10-07T13:30:00Z"],
    )
    end: Time | None = Field(
        None,
        description="First instant after the range, not included; written like start.",
        examples=["2013-10-07T20:00:00Z"],
    )
    order: Literal["asc", "desc"] = Field("desc", description="desc: newest first; asc: oldest first")
    cursor: str | None = Field(
        None,
        max_length=_MAX_CURSOR_LENGTH,
        description="next_cursor of the page before; what is asked for and its order have to stay the same.",
    )
    format: Format = Field(
        Format.JSON,
        description="json; csv with a header line; arrow: a stream in Arrow's IPC format. "
        "Of csv and arrow the next cursor is in the header X-Next-Cursor.",
    )

    @field_validator("end")
    @classmethod
    def _after_start(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("start")
        if start is not None and end is not None and end < start:
            raise ValueError(f"expected a time that is not before start ({start.isoformat()})")
        return end


class BarQuery(SeriesQuery):
    """Which bars, and in which order."""

    window: str | None = Field(
        None,
        description="Name of a configured window (`symbols` lists them); the first one if left out.",
        examples=["1min"],
    )


class MoverQuery(KnownQuery):
    """The movers of which bars, as of when."""

    window: str | None = Field(
        None,
        description="Name of a configured window (`symbols` lists them); the first one if left out.",
        examples=["1min"],
    )
    limit: int = Field(10, ge=1, le=MAX_MOVERS, description="how many that rise, and how many that fall")
    at: Time | None = Field(
        None,
        description="As of this time instead of now: ISO 8601 (UTC unless it has an offset) or epoch microseconds. "
        "A bar that ends then is complete.",
        examples=["2013-10-07T20:00:00Z"],
    )
    max_age_seconds: int = Field(
        86_400,
        ge=0,
        le=MAX_AGE_SECONDS,
        description="how long before that a symbol's newest bar may have ended: what is halted or gone is left out",
    )
    format: Format = Field(
        Format.JSON,
        description="json; csv with a header line; arrow: a stream in Arrow's IPC format.",
    )


class IndicatorQuery(BarQuery):
    """The indicators of which bars, and in which order."""

    limit: int = Field(1, ge=1, le=MAX_PAGE, description="most rows of the page; 1 is the newest bar's")


class AnomalyQuery(SeriesQuery):
    """Which anomalies, and in which order."""

    symbol: AnySymbol | None = Field(None, description="Only of this instrument.", examples=["AAPL"])
    window: str | None = Field(None, description="Only of bars of this window.", examples=["1min"])
    rule: str | None = Field(
        None, pattern=f"^{RULE_NAME_PATTERN}$", description="Only found by this rule.", examples=["volume_spike"]
    )
    min_severity: Literal["low", "medium", "high", "critical"] | None = Field(
        None, description="Only those as grave as this, or graver."
    )


class PredictionQuery(SeriesQuery):
    """Which forecasts, and in which order."""

    horizon_minutes: int | None = Field(
        None, ge=1, le=_LONGEST_HORIZON, description="Only those that look so many minutes ahead.", examples=[5]
    )
