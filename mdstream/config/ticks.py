"""Settings of ticks: where they are, what is taken of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypedDict

from pydantic import AfterValidator, Field

from mdstream.config.section import Seconds, Section
from mdstream.errors import ConfigError, InvalidInputError
from mdstream.schemas import ANOMALY, BAR, DEAD_LETTER, PREDICTION, QUOTE, TICK
from mdstream.schemas.limits import MAX_FUTURE_SKEW_SECONDS, SYMBOL_PATTERN
from mdstream.schemas.sources import ANY_OTHER_SYMBOL, PrimarySources
from mdstream.schemas.tick_fields import check_tick_fields
from mdstream.schemas.units import Unit


def _usable_sources(configured: str | dict[str, str] | None) -> str | dict[str, str] | None:
    sources = configured if isinstance(configured, dict) else {ANY_OTHER_SYMBOL: configured}
    for symbol, source in sources.items():
        if symbol != ANY_OTHER_SYMBOL and not re.fullmatch(SYMBOL_PATTERN, symbol):
            raise ValueError(f"expected a symbol, or * for all others, found '{symbol}'")
        if source == "":
            raise ValueError("expected the name of a feed, or all, found nothing")
    return configured


def _own_topic(topic: str) -> str:
    if topic in (record.topic for record in (QUOTE, BAR, ANOMALY, PREDICTION, DEAD_LETTER)):
        raise ValueError(f"{topic} is a topic that mdstream writes: expected one of ticks")
    return topic


def _known_fields(columns: dict[str, str]) -> dict[str, str]:
    try:
        check_tick_fields(columns)
    except InvalidInputError as exc:
        raise ValueError(str(exc)) from exc
    return columns


class Reading(TypedDict):
    """How records are read as ticks, by the arguments of `mdstream.transforms.to_ticks`."""

    max_future_skew_seconds: int
    nonpositive_prices: bool
    columns: Mapping[str, str] | None
    unit: str


class TickSettings(Section):
    """Where ticks are, what they are called there, which are taken and how long their bars stay open."""

    topic: Annotated[str, AfterValidator(_own_topic)] = Field(
        TICK.topic_name, pattern=r"^[a-zA-Z0-9._-]{1,249}$", description="Kafka topic of ticks that the jobs read"
    )
    columns: Annotated[dict[str, str], AfterValidator(_known_fields)] = Field(
        default_factory=dict,
        description="names of columns of files, and of fields in a topic that is not mdstream's own, by the field of a "
        "tick that each holds, e.g. {symbol: ticker, price: data.p}",
    )
    unit: Unit = Field(Unit.MICROSECONDS, description="what times that are numbers count there: s, ms, us or ns")

    allowed_lateness_seconds: Seconds = Field(
        86_400, description="a tick this far behind the newest one still revises its bar"
    )
    max_future_skew_seconds: Seconds = Field(
        MAX_FUTURE_SKEW_SECONDS, description="a tick further ahead of its ingest time goes to dead_letter"
    )
    nonpositive_prices: bool = Field(
        False, description="take prices of zero and below, which spreads, power and oil of 2020-04-20 have"
    )
    conditions_table: Path | None = Field(
        None, description="CSV code,open_close,high_low,volume; without it every trade is eligible"
    )
    primary_source: Annotated[str | dict[str, str] | None, AfterValidator(_usable_sources)] = Field(
        None,
        description="feed whose ticks make the bars of a symbol that several deliver: one for all symbols, or one for "
        "each, * for the others; all mixes them",
    )

    @property
    def columns_of_topic(self) -> dict[str, str] | None:
        """`columns` as the transforms take them; None of mdstream's own topic, or where they are not named."""
        return None if self.topic == TICK.topic_name or not self.columns else self.columns

    @property
    def reading(self) -> Reading:
        """What the transforms are told that read the topic."""
        return Reading(
            max_future_skew_seconds=self.max_future_skew_seconds,
            nonpositive_prices=self.nonpositive_prices,
            columns=self.columns_of_topic,
            unit=self.unit,
        )

    @property
    def written_topic(self) -> str:
        """The topic that our feeds write to.

        Raises:
            ConfigError: The jobs read a topic of records that are not ours.
        """
        if self.columns_of_topic is not None:
            raise ConfigError(
                f"feeds write records as mdstream has them, and the jobs would not find them in ticks.topic "
                f"({self.topic}), whose fields ticks.columns names; expected a configuration without ticks.columns, or "
                f"with ticks.topic: {TICK.topic_name}"
            )
        return self.topic

    @property
    def primary_sources(self) -> PrimarySources:
        """`primary_source` as the transforms take it."""
        return PrimarySources.parse(self.primary_source)
