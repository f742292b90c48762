from __future__ import annotations

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from mdstream.schemas import BAR, STORED_TICK, TICK, Record
from mdstream.stores.timescaledb.definitions import table_of

TICK_DATA = """
CREATE TABLE tick_data (
    symbol TEXT NOT NULL,
    price DOUBLE PRECISION NOT NULL,
    size DOUBLE PRECISION NOT NULL,
    event_time TIMESTAMP WITH TIME ZONE NOT NULL,
    ingest_time TIMESTAMP WITH TIME ZONE,
    source TEXT,
    exchange TEXT,
    trade_id TEXT,
    sequence BIGINT,
    conditions TEXT[],
    kafka_partition INTEGER NOT NULL,
    kafka_offset BIGINT NOT NULL,
    PRIMARY KEY (symbol, event_time, kafka_partition, kafka_offset)
)
"""

# "window" is a reserved word of SQL.
AGGREGATED_DATA = """
CREATE TABLE aggregated_data (
    symbol TEXT NOT NULL,
    "window" TEXT NOT NULL,
    window_start TIMESTAMP WITH TIME ZONE NOT NULL,
    window_end TIMESTAMP WITH TIME ZONE NOT NULL,
    open DOUBLE PRECISION NOT NULL,
    high DOUBLE PRECISION NOT NULL,
    low DOUBLE PRECISION NOT NULL,
    close DOUBLE PRECISION NOT NULL,
    volume DOUBLE PRECISION NOT NULL,
    vwap DOUBLE PRECISION,
    trade_count BIGINT NOT NULL,
    last_event_time TIMESTAMP WITH TIME ZONE NOT NULL,
    last_ingest_time TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (symbol, "window", window_start)
)
"""


@pytest.mark.parametrize(("record", "expected"), [(STORED_TICK, TICK_DATA), (BAR, AGGREGATED_DATA)])
def test_the_ddl(record: Record, expected: str) -> None:
    ddl = str(CreateTable(table_of(record)).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]

    assert ddl.split() == expected.split()


def test_columns_keep_their_comments() -> None:
    assert table_of(BAR).c.volume.comment == "units traded, over all trades that count for volume"


def test_one_table_a_record() -> None:
    assert table_of(BAR) is table_of(BAR)


def test_not_every_record_is_stored() -> None:
    with pytest.raises(ValueError, match="a tick is not stored in a table"):
        table_of(TICK)
