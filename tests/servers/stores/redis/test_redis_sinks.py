"""What Redis holds of our batches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis

from mdstream.config import RedisSettings
from mdstream.errors import SinkError, SinkUnavailableError
from mdstream.schemas import BAR, STORED_TICK
from mdstream.stores import RedisSink
from tests.unit.stores.rows import INDICATOR, START, bar, bars, batch_of, indicator, tick, ticks

pytestmark = pytest.mark.servers

START_MICROS = 1_715_002_200_000_000
"""2024-05-06 13:30 UTC, by `date -d … +%s`."""


@pytest.fixture
def client(fresh_redis: RedisSettings) -> Iterator[redis.Redis]:
    with redis.Redis(port=fresh_redis.port, decode_responses=True) as client:
        yield client


def price_of(client: redis.Redis, symbol: str = "AAPL") -> float:
    return float(json.loads(str(client.get(f"latest_price:{symbol}")))["price"])


def test_the_value_is_the_ticks_json_with_its_coordinate(fresh_redis: RedisSettings, client: redis.Redis) -> None:
    RedisSink(fresh_redis, STORED_TICK).write(ticks(tick(partition=1, offset=7, conditions=["@", 'say "x"'])))
    assert client.keys() == ["latest_price:AAPL"]
    assert json.loads(str(client.get("latest_price:AAPL"))) == {
        "symbol": "AAPL",
        "price": 10.0,
        "size": 1.0,
        "event_time": START_MICROS,
        "conditions": ["@", 'say "x"'],
        "kafka_partition": 1,
        "kafka_offset": 7,
    }


def test_every_window_has_its_key(fresh_redis: RedisSettings, client: redis.Redis) -> None:
    RedisSink(fresh_redis, BAR).write(bars(bar(window="1min"), bar(window="5min"), bar("BRK.B")))
    assert sorted(client.keys()) == ["aggregated:AAPL:1min", "aggregated:AAPL:5min", "aggregated:BRK.B:1min"]
    value = json.loads(str(client.get("aggregated:AAPL:5min")))
    assert (value["window"], value["window_start"], value["close"]) == ("5min", START_MICROS, 10.0)


def test_keys_live_as_long_as_configured(fresh_redis: RedisSettings, client: redis.Redis) -> None:
    settings = fresh_redis.model_copy(update={"latest_price_ttl_seconds": 1000, "aggregated_ttl_seconds": 2000})
    RedisSink(settings, STORED_TICK).write(ticks(tick()))
    RedisSink(settings, BAR).write(bars(bar()))
    assert 900 < client.ttl("latest_price:AAPL") <= 1000
    assert 1900 < client.ttl("aggregated:AAPL:1min") <= 2000


def test_an_older_row_does_not_prolong_a_keys_life(fresh_redis: RedisSettings, client: redis.Redis) -> None:
    RedisSink(fresh_redis.model_copy(update={"aggregated_ttl_seconds": 100}), BAR).write(bars(bar(trade_count=2)))
    RedisSink(fresh_redis.model_copy(update={"aggregated_ttl_seconds": 9000}), BAR).write(bars(bar(trade_count=1)))
    assert client.ttl("aggregated:AAPL:1min") <= 100


def later(microseconds: int = 1) -> dict[str, Any]:
    return {"event_time": START + timedelta(microseconds=microseconds)}


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({}, later()),
        ({"sequence": 9, "offset": 9}, {**later(), "sequence": 1, "offset": 1}),
        ({"sequence": 9, "offset": 5}, {"sequence": 10, "offset": 4}),
        ({"sequence": -10}, {"sequence": -9}),
        ({"sequence": -1}, {"sequence": 0}),
        # Without a sequence the offset takes its place.
        ({"sequence": None, "offset": 5}, {"sequence": None, "offset": 6}),
        ({"sequence": None, "offset": 5}, {"sequence": 6, "offset": 4}),
        ({"sequence": 4, "offset": 6}, {"sequence": None, "offset": 5}),
        # Neighbours that are one and the same number as doubles.
        ({"sequence": 2**53}, {"sequence": 2**53 + 1}),
        ({"sequence": 2**63 - 2}, {"sequence": 2**63 - 1}),
        ({"sequence": -(2**63)}, {"sequence": -(2**63) + 1}),
        ({"offset": 2**53}, {"offset": 2**53 + 1}),
        ({"event_time": START.replace(year=9000)}, {"event_time": START.replace(year=9000, microsecond=1)}),
        ({"event_time": START.replace(year=1)}, {"event_time": START.replace(year=1, microsecond=1)}),
        ({"event_time": START.replace(year=1960)}, {"event_time": START.replace(year=1980)}),
        ({"sequence": 3, "offset": 9}, {"sequence": 3, "offset": 10}),
        ({"sequence": 3, "partition": 0, "offset": 10}, {"sequence": 3, "partition": 1, "offset": 9}),
    ],
)
def test_of_two_ticks_the_newer_stays_whatever_their_order(
    fresh_redis: RedisSettings, client: redis.Redis, older: dict[str, Any], newer: dict[str, Any]
) -> None:
    sink = RedisSink(fresh_redis, STORED_TICK)
    first, second = tick(**older, price=1.0), tick(**newer, price=2.0)
    for batches in ([[first], [second]], [[second], [first]], [[first, second]], [[second, first]]):
        client.flushdb()
        for rows in batches:
            sink.write(ticks(*rows))
        assert price_of(client) == 2.0


def test_what_was_cancelled_is_no_price(fresh_redis: RedisSettings, client: redis.Redis) -> None:
    sink = RedisSink(fresh_redis, STORED_TICK)
    cancel = tick(**later(), price=99.0, conditions=["37", "correction:8", "cancel"])
    sink.write(ticks(tick(), cancel, tick("MSFT", conditions=["cancel"])))
    assert price_of(client) == 10.0
    sink.write(ticks(cancel))
    assert price_of(client) == 10.0
    assert client.keys() == ["latest_price:AAPL"]


def test_a_text_that_looks_like_a_field_does_not_deceive(fresh_redis: RedisSettings, client: redis.Redis) -> None:
    liar = '"event_time":9999999999999999999,"sequence":9'
    sink = RedisSink(fresh_redis, STORED_TICK)
    sink.write(ticks(tick(price=1.0, source=liar, conditions=[liar])))
    sink.write(ticks(tick(price=2.0, **later())))
    sink.write(ticks(tick(price=3.0, source=liar, conditions=[liar])))
    assert price_of(client) == 2.0


def test_a_newer_bar_with_fewer_trades_takes_over(fresh_redis: RedisSettings, client: redis.Redis) -> None:
    sink = RedisSink(fresh_redis, BAR)
    sink.write(bars(bar(minute=0, trade_count=100)))
    sink.write(bars(bar(minute=1, trade_count=1)))
    sink.write(bars(bar(minute=0, trade_count=101)))
    value = json.loads(str(client.get("aggregated:AAPL:1min")))
    assert (value["window_start"], value["trade_count"]) == (START_MICROS + 60_000_000, 1)


def test_the_script_is_loaded_again_when_the_server_forgot_it(fresh_redis: RedisSettings, client: redis.Redis) -> None:
    sink = RedisSink(fresh_redis, STORED_TICK)
    sink.write(ticks(tick(price=1.0)))
    client.script_flush()
    sink.write(ticks(tick(price=2.0, **later())))
    assert price_of(client) == 2.0


def test_a_batch_of_many_rows_sends_one_a_key(fresh_redis: RedisSettings, client: redis.Redis) -> None:
    client.config_resetstat()
    rows = [tick(symbol, offset=number, **later(number)) for number in range(500) for symbol in ("A", "B")]
    RedisSink(fresh_redis, STORED_TICK).write(ticks(*rows))
    calls = client.info("commandstats")
    assert calls["cmdstat_evalsha"]["calls"] == 2


def test_a_key_of_another_kind_is_an_error(fresh_redis: RedisSettings, client: redis.Redis) -> None:
    client.rpush("latest_price:AAPL", "not ours")
    with pytest.raises(SinkError, match="WRONGTYPE") as caught:
        RedisSink(fresh_redis, STORED_TICK).write(ticks(tick()))
    assert not isinstance(caught.value, SinkUnavailableError)


def test_a_wrong_password_is_an_error(fresh_redis: RedisSettings, client: redis.Redis) -> None:
    client.config_set("requirepass", "right")
    try:
        with pytest.raises(SinkError, match="refused the log-in") as caught:
            RedisSink(RedisSettings.model_validate({"port": fresh_redis.port, "password": "wrong-one"}), BAR).write(
                bars(bar())
            )
    finally:
        client.config_set("requirepass", "")
    assert not isinstance(caught.value, SinkUnavailableError)
    assert "wrong-one" not in str(caught.value)


def test_a_replica_is_unavailable_until_it_is_promoted(fresh_redis: RedisSettings, client: redis.Redis) -> None:
    sink = RedisSink(fresh_redis, BAR)
    client.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(SinkUnavailableError):
            sink.write(bars(bar()))
    finally:
        client.replicaof("NO", "ONE")
    sink.write(bars(bar()))
    assert client.exists("aggregated:AAPL:1min")


def test_a_full_store_is_unavailable_until_there_is_room(fresh_redis: RedisSettings, client: redis.Redis) -> None:
    sink = RedisSink(fresh_redis, BAR)
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(SinkUnavailableError, match="maxmemory"):
            sink.write(bars(bar()))
    finally:
        client.config_set("maxmemory", "0")
    sink.write(bars(bar()))
    assert client.exists("aggregated:AAPL:1min")


def test_a_symbol_has_one_hash_with_the_newest_indicators_of_each_window(
    fresh_redis: RedisSettings, client: redis.Redis
) -> None:
    sink = RedisSink(fresh_redis.model_copy(update={"indicators_ttl_seconds": 1000}), INDICATOR)
    rows = [indicator(minute=5, rsi=55.0), indicator(minute=4, rsi=44.0), indicator(window="5min"), indicator("BRK.B")]
    sink.write(batch_of(INDICATOR, rows))
    assert sorted(client.keys()) == ["indicators:AAPL", "indicators:BRK.B"]
    assert 900 < client.ttl("indicators:AAPL") <= 1000
    found = {window: json.loads(value) for window, value in client.hgetall("indicators:AAPL").items()}
    assert sorted(found) == ["1min", "5min"]
    assert found["1min"] == {
        "symbol": "AAPL",
        "window": "1min",
        "window_start": START_MICROS + 300_000_000,
        "trade_count": 1,
        "rsi_14": 55.0,
        "macd": -0.25,
    }


def test_an_older_row_neither_replaces_indicators_nor_prolongs_their_life(
    fresh_redis: RedisSettings, client: redis.Redis
) -> None:
    def sink(ttl_seconds: int) -> RedisSink:
        return RedisSink(fresh_redis.model_copy(update={"indicators_ttl_seconds": ttl_seconds}), INDICATOR)

    sink(100).write(batch_of(INDICATOR, [indicator(minute=5, trade_count=3, rsi=55.0)]))
    for older in (indicator(minute=4, trade_count=9, rsi=1.0), indicator(minute=5, trade_count=2, rsi=2.0)):
        sink(9000).write(batch_of(INDICATOR, [older]))
    assert json.loads(str(client.hget("indicators:AAPL", "1min")))["rsi_14"] == 55.0
    assert client.ttl("indicators:AAPL") <= 100
