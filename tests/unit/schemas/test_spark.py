from __future__ import annotations

from mdstream.schemas import BAR, DEAD_LETTER, STORED_TICK, TICK
from mdstream.schemas.spark import spark_schema, wire_schema


def test_columns_of_a_stored_tick() -> None:
    assert spark_schema(STORED_TICK).simpleString() == (
        "struct<symbol:string,price:double,size:double,event_time:timestamp,ingest_time:timestamp,source:string,"
        "exchange:string,trade_id:string,sequence:bigint,conditions:array<string>,kafka_partition:int,kafka_offset:bigint>"
    )


def test_columns_of_a_bar() -> None:
    assert spark_schema(BAR).simpleString() == (
        "struct<symbol:string,window:string,window_start:timestamp,window_end:timestamp,open:double,high:double,"
        "low:double,close:double,volume:double,vwap:double,trade_count:bigint,last_event_time:timestamp,"
        "last_ingest_time:timestamp>"
    )


def test_what_may_be_null() -> None:
    nullable = [field.name for field in spark_schema(TICK) if field.nullable]

    assert nullable == ["ingest_time", "source", "exchange", "trade_id", "sequence", "conditions"]


def test_on_the_wire_times_are_integers_and_anything_may_be_missing() -> None:
    wire = wire_schema(DEAD_LETTER)

    assert wire.simpleString() == "struct<source:string,reason:string,payload:string,received_time:bigint>"
    assert all(field.nullable for field in wire)
    assert wire_schema(TICK)["conditions"].dataType.simpleString() == "array<string>"
