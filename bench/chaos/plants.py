"""Faults of the product that a run plants itself, to show that they are found."""

from __future__ import annotations

import time
from enum import StrEnum

from confluent_kafka import Producer

from bench.chaos.outcome import Tables
from bench.chaos.sender import Sender
from mdstream.schemas import BAR, STORED_TICK, TICK

_SEEN_SECONDS = 5.0


class Plant(StrEnum):
    """What is planted."""

    DROP = "drop"
    DOUBLE = "double"
    BACK = "back"


def plant(what: Plant, servers: str, sender: Sender, tables: Tables) -> None:
    """Let one stored tick be gone, one tick be applied twice, or one bar in the database go back for a moment."""
    trade = next(trade for trade in reversed(sender.trades) if trade.counts)
    if what is Plant.DOUBLE:
        producer = Producer({"bootstrap.servers": servers})
        producer.produce(str(TICK.topic), sender.values[trade.partition, trade.offset], trade.symbol)
        producer.flush(60)
    elif what is Plant.DROP:
        tables.execute(
            f"DELETE FROM {STORED_TICK.table} WHERE kafka_partition = 0 AND kafka_offset ="  # noqa: S608
            f" (SELECT min(kafka_offset) FROM {STORED_TICK.table} WHERE kafka_partition = 0)"
        )
    else:
        change = (
            f"UPDATE {BAR.table} SET trade_count = trade_count + :by WHERE symbol = :symbol AND window_start ="  # noqa: S608
            f" (SELECT min(window_start) FROM {BAR.table} WHERE symbol = :symbol)"
        )
        tables.execute(change, by=-1, symbol=trade.symbol)
        time.sleep(_SEEN_SECONDS)
        tables.execute(change, by=1, symbol=trade.symbol)
