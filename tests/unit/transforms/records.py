"""Kafka records as Spark's source gives them, and what became of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession

from mdstream.schemas import DEAD_LETTER, STORED_TICK
from mdstream.transforms import DEAD_LETTER_COLUMN, with_dead_letter, with_reject_reason
from tests.unit.transforms.frames import at

RECEIVED = at(0)
RECEIVED_MICROS = 1_767_364_200_000_000
SECOND = 1_000_000
SKEW_SECONDS = 300
GOOD: dict[str, Any] = {"symbol": "AAPL", "price": 190.5, "size": 100.0, "event_time": RECEIVED_MICROS - SECOND}

_COLUMNS = "value binary, topic string, partition int, offset bigint, timestamp timestamp_ltz"


def payload(**changes: object) -> bytes:
    """The JSON of a usable tick with changes."""
    return json.dumps({**GOOD, **changes}, ensure_ascii=False).encode()


def records_frame(
    spark: SparkSession, values: Sequence[bytes | None], received: datetime = RECEIVED, topic: str = "tick_data"
) -> DataFrame:
    """Records of partition 3 whose offsets are their places in `values`."""
    rows = [(value, topic, 3, offset, received) for offset, value in enumerate(values)]
    return spark.createDataFrame(rows, _COLUMNS).repartition(2)


@dataclass(frozen=True)
class Outcome:
    """What became of a record: a tick or a dead letter."""

    tick: dict[str, Any] | None
    letter: dict[str, Any] | None

    @property
    def reason(self) -> str | None:
        return None if self.letter is None else str(self.letter["reason"])


def outcomes_of(spark: SparkSession, values: Sequence[bytes | None]) -> list[Outcome]:
    """What Spark makes of each value, in their order."""
    frame = records_frame(spark, values)
    table = frame.transform(with_reject_reason, SKEW_SECONDS).transform(with_dead_letter).toArrow()
    assert table.num_rows == len(values)
    table = table.sort_by("kafka_offset")
    letters = table.column(DEAD_LETTER_COLUMN).to_pylist()
    # Columns of refused records may hold times that Python cannot.
    accepted = table.filter(pc.is_null(table.column(DEAD_LETTER_COLUMN))).select(STORED_TICK.schema.names).to_pylist()
    ticks = {tick["kafka_offset"]: tick for tick in accepted}
    assert all(letter is None or list(letter) == DEAD_LETTER.schema.names for letter in letters)
    return [Outcome(ticks.get(offset), letter) for offset, letter in enumerate(letters)]


def original(letter: dict[str, Any]) -> bytes:
    """The record's value, from its dead letter."""
    text: str = letter["payload"]
    prefix, _, encoded = text.partition("base64:")
    return base64.b64decode(encoded) if not prefix and encoded else text.encode()
