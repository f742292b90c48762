"""What InfluxDB holds of our batches."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from influxdb_client import InfluxDBClient
from pydantic import SecretStr

from mdstream.config import InfluxSettings
from mdstream.errors import SinkError, SinkUnavailableError
from mdstream.schemas import ANOMALY, BAR, KAFKA_METRIC, LATENCY_METRIC, STORED_TICK, Record
from mdstream.stores import InfluxSink
from tests.servers.influxd import LocalInfluxDB
from tests.servers.stores.stores import InfluxStore
from tests.unit.stores.rows import INDICATOR, START, anomaly, bar, bars, batch_of, indicator, tick, ticks

pytestmark = pytest.mark.servers


def ask(settings: InfluxSettings, flux: str) -> list[dict[str, Any]]:
    """Return the rows of a query on the bucket."""
    token = settings.token.get_secret_value()
    with InfluxDBClient(settings.url, token=token, org=settings.organisation) as client:
        query = f'from(bucket: "{settings.bucket}") |> range(start: 2000-01-01T00:00:00Z, stop: 2200-01-01T00:00:00Z)'
        return [record.values for table in client.query_api().query(f"{query} {flux}") for record in table.records]


def points(settings: InfluxSettings, measurement: str) -> list[dict[str, Any]]:
    """Return the tags of every value of a measurement."""
    found = ask(settings, f'|> filter(fn: (r) => r._measurement == "{measurement}")')
    return [{k: v for k, v in row.items() if not k.startswith("_") and k not in ("result", "table")} for row in found]


def test_equal_ticks_are_all_there_also_when_written_again(
    fresh_influxdb: InfluxSettings, influxdb_server: LocalInfluxDB
) -> None:
    store = InfluxStore(fresh_influxdb, influxdb_server, STORED_TICK)
    rows = [tick(offset=offset, partition=partition) for partition in (0, 1) for offset in range(5_500, 6_500)]
    for _ in range(2):
        store.sink.write(ticks(*rows))
    assert store.count() == 2_000
    found = store.rows()
    assert {row["kafka_offset"] for row in found} == set(range(5_500, 6_500))
    assert {row["event_time"] for row in found} == {START}


def test_the_six_measurements_and_their_tags(fresh_influxdb: InfluxSettings) -> None:
    latency = {"source": "live_bars", "point": "bar", "measured_time": START, "interval_seconds": 10.0, "count": 0}
    lag = {"source": "live_bars", "topic": "tick_data", "measured_time": START, "lag": 7, "messages_per_second": 99.5}
    rows = {
        STORED_TICK: tick(source="replay"),
        BAR: bar(),
        INDICATOR: indicator(),
        ANOMALY: anomaly(),
        LATENCY_METRIC: latency,
        KAFKA_METRIC: lag,
    }
    for record, row in rows.items():
        InfluxSink(fresh_influxdb, record).write(batch_of(record, [row]))
    tags = {
        record.measurement: {name for row in points(fresh_influxdb, str(record.measurement)) for name in row}
        for record in rows
    }
    assert tags == {
        "tick_metrics": {"symbol", "source", "kafka_partition"},
        "aggregated_metrics": {"symbol", "window"},
        "technical_indicators": {"symbol", "window"},
        "anomalies": {"symbol", "window", "rule"},
        "latency_metrics": {"source", "point"},
        "kafka_metrics": {"source", "topic"},
    }


def test_anomalies_of_two_rules_at_one_time_are_two(
    fresh_influxdb: InfluxSettings, influxdb_server: LocalInfluxDB
) -> None:
    store = InfluxStore(fresh_influxdb, influxdb_server, ANOMALY)
    rows = [anomaly(rule="price_spike"), anomaly(rule="volume_spike")]
    store.sink.write(batch_of(ANOMALY, rows))
    assert store.rows() == rows


def test_revisions_of_odd_symbols_are_told_apart(
    fresh_influxdb: InfluxSettings, influxdb_server: LocalInfluxDB
) -> None:
    store = InfluxStore(fresh_influxdb, influxdb_server, BAR)
    symbols = ["A.B", "AXB", "BTC/USD", "ES=F", "X:BTC-USD", "^GSPC", "a b", 'say "$"']
    newer = [bar(symbol, trade_count=2, close=2.0) for symbol in symbols]
    store.sink.write(bars(*newer))
    store.sink.write(bars(*(bar(symbol, trade_count=1, close=1.0) for symbol in symbols)))
    assert store.rows() == sorted(newer, key=lambda row: str(row["symbol"]))


def test_older_revisions_hours_apart_are_left_out_in_one_batch(
    fresh_influxdb: InfluxSettings, influxdb_server: LocalInfluxDB
) -> None:
    store = InfluxStore(fresh_influxdb, influxdb_server, BAR)
    store.sink.write(bars(bar(minute=0, trade_count=5, close=5.0), bar(minute=600, trade_count=1, close=1.0)))
    store.sink.write(bars(*(bar(minute=minute, trade_count=3, close=3.0) for minute in (0, 300, 600))))
    assert [(row["window_start"], row["close"]) for row in store.rows()] == [
        (START + timedelta(minutes=minute), close) for minute, close in ((0, 5.0), (300, 3.0), (600, 3.0))
    ]


def test_a_value_that_becomes_null_stays_as_it_was(
    fresh_influxdb: InfluxSettings, influxdb_server: LocalInfluxDB
) -> None:
    store = InfluxStore(fresh_influxdb, influxdb_server, INDICATOR)
    for row in (indicator(trade_count=1, rsi=50.0), indicator(trade_count=2, rsi=None)):
        store.sink.write(batch_of(INDICATOR, [row]))
    assert store.rows() == [indicator(trade_count=2, rsi=50.0)]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"token": SecretStr("not-the-token")}, "INFLUXDB__TOKEN"),
        ({"bucket": "no such"}, "make the bucket"),
        ({"organisation": "no such"}, "no such"),
    ],
)
@pytest.mark.parametrize("record", [BAR, STORED_TICK], ids=lambda record: record.name)
def test_what_the_server_refuses_says_what_to_do(
    fresh_influxdb: InfluxSettings, changed: dict[str, Any], said: str, record: Record
) -> None:
    settings = fresh_influxdb.model_copy(update=changed)
    batch = bars(bar()) if record is BAR else ticks(tick())
    with pytest.raises(SinkError, match=said) as caught:
        InfluxSink(settings, record).write(batch)
    assert not isinstance(caught.value, SinkUnavailableError)
    assert settings.token.get_secret_value() not in str(caught.value)


def test_a_field_that_was_of_another_type_is_refused_with_its_name(fresh_influxdb: InfluxSettings) -> None:
    fields = [
        pa.field(f.name, pa.string(), metadata=f.metadata) if f.name == "price" else f for f in STORED_TICK.schema
    ]
    texts = replace(STORED_TICK, schema=pa.schema(fields))
    InfluxSink(fresh_influxdb, texts).write(batch_of(texts, [tick(price="ten")]))  # type: ignore[arg-type]
    with pytest.raises(SinkError, match="price"):
        InfluxSink(fresh_influxdb, STORED_TICK).write(ticks(tick(offset=1)))
