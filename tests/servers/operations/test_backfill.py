"""The past of Massive: into Kafka by `mdstream backfill` and behind a lost connection, bars into a real PostgreSQL."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from mdstream.config import RedisSettings, Settings, StoreSettings, TimescaleSettings, WindowConfiguration
from mdstream.embedded import LocalKafka
from mdstream.errors import ConfigError, InvalidInputError, StoreError
from mdstream.feeds.massive import BackfillProgress, MassiveRest, Span
from mdstream.feeds.websocket.massive_trades import tick_of_record
from mdstream.kafka.topics import describe_topics
from mdstream.operations.backfill import backfill_bars
from mdstream.schemas import BAR, STORED_TICK
from mdstream.stores import TimescaleSink
from mdstream.stores.timescaledb import create_schema
from mdstream.stores.timescaledb.missing_trades import missing_trades
from tests.servers.feeds.consuming import settings_of, values
from tests.servers.feeds.test_command import broker, finish, own_broker, start
from tests.servers.feeds.test_live_feeds import served
from tests.servers.stores.timescaledb.test_timescale_sink import ask
from tests.unit.feeds.massive.rest_server import KEY, NOT_IN_PLAN, MassiveRestServer, minute_bar, trade
from tests.unit.feeds.websocket.test_gaps import live, record
from tests.unit.feeds.websocket.vendor_server import MassiveServer, sending
from tests.unit.stores.rows import bar, bars, tick, ticks
from tests.waiting import until

__all__ = ["broker", "own_broker"]

pytestmark = pytest.mark.servers

OPENING = datetime(2024, 5, 6, 13, 30, tzinfo=UTC)
SECONDS = 1_715_002_200
FIVE_MINUTES = Span(OPENING, OPENING + timedelta(minutes=5))


@pytest.fixture
def server() -> Iterator[MassiveRestServer]:
    with MassiveRestServer(page_rows=1000).running() as running:
        running.trades["AAPL"] = [trade(number, SECONDS * 10**9 + number * 10**8) for number in range(2500)]
        running.trades["MSFT"] = [trade(0, SECONDS * 10**9), trade(1, SECONDS * 10**9, price=0)]
        yield running


def backfilled(broker: LocalKafka, folder: Path, server: MassiveRestServer, *symbols: str) -> tuple[int, str, str]:
    arguments = ("--from", "2024-05-06T13:30", "--to", "2024-05-06T13:35", "--state", str(folder))
    variables = {
        "MDSTREAM_FEEDS__MASSIVE__REST_URL": server.url,
        "MDSTREAM_FEEDS__MASSIVE__API_KEY": KEY,
        "MDSTREAM_FEEDS__MASSIVE__CALLS_PER_MINUTE": "1000",
    }
    return finish(
        start(broker, folder, "--verbose", "backfill", "--feed", "massive", *symbols, *arguments, **variables)
    )


def test_trades_are_in_kafka_once_over_a_failure_and_a_second_run(
    broker: LocalKafka, tmp_path: Path, server: MassiveRestServer
) -> None:
    server.plan.extend([None, None, NOT_IN_PLAN])
    code, output, errors = backfilled(broker, tmp_path, server, "AAPL", "MSFT")
    assert code == 1
    assert "2,000 trades sent, 2,000 acknowledged by Kafka, 0 dead letters; 3 calls" in output
    assert "massive's plan does not include this: HTTP 403 You are not entitled" in errors
    assert "Traceback" not in errors
    said = output + errors

    code, output, errors = backfilled(broker, tmp_path, server, "AAPL", "MSFT")
    assert code == 0, errors
    assert "501 trades sent, 501 acknowledged by Kafka, 1 dead letters; 2 calls" in output
    assert "mdstream rebuild --from 2024-05-06T13:30:00 --to 2024-05-06T13:35:00 --symbols AAPL,MSFT" in errors
    said += output + errors

    ticks = values(settings_of(broker), "tick_data")
    assert [tick["sequence"] - 1063 for tick in ticks if tick["symbol"] == "AAPL"] == list(range(2500))
    assert [tick["event_time"] for tick in ticks if tick["symbol"] == "MSFT"] == [SECONDS * 10**6]
    assert [letter["source"] for letter in values(settings_of(broker), "dead_letter")] == ["massive"]
    assert KEY not in said
    assert not any(KEY in file.read_text() for file in tmp_path.rglob("*.json"))


def test_what_the_live_feed_missed_is_in_kafka_once_and_no_key_anywhere(
    broker: LocalKafka, tmp_path: Path, server: MassiveRestServer
) -> None:
    server.trades["AAPL"] = [record(number) for number in range(3000)]
    kafka = settings_of(broker)
    scripts = sending(map(live, range(1000)), then="abort"), sending(map(live, range(2000, 3000)))
    with served(*scripts, vendor=MassiveServer) as vendor:
        process = start(
            broker,
            tmp_path,
            *("--verbose", "ingest", "--feed", "massive", "--symbols", "AAPL"),
            MDSTREAM_FEEDS__MASSIVE__URL=vendor.url,
            MDSTREAM_FEEDS__MASSIVE__REST_URL=server.url,
            MDSTREAM_FEEDS__MASSIVE__API_KEY=KEY,
        )
        try:
            until(lambda: [state.records for state in describe_topics(kafka, ["tick_data"])] == [3000], seconds=90)
        finally:
            process.send_signal(signal.SIGTERM)
        code, output, errors = finish(process)
    assert code == 0, errors
    assert sorted(tick["sequence"] for tick in values(kafka, "tick_data")) == list(range(3000))
    assert "AAPL: 1000 trades that were missed after" in errors
    assert KEY not in output + errors


@pytest.fixture
def settings(fresh_database: TimescaleSettings) -> Settings:
    """A PostgreSQL with tables, and a Redis that is not there."""
    create_schema(fresh_database, [BAR])
    return Settings(stores=StoreSettings(timescaledb=fresh_database, redis=RedisSettings(port=1)))


def fetched(settings: Settings, server: MassiveRestServer, folder: Path, span: Span, *symbols: str) -> tuple[int, int]:
    async def fetch() -> tuple[int, int]:
        async with MassiveRest(SecretStr(KEY), server.url) as rest:
            done = await backfill_bars(settings, rest, symbols, span, BackfillProgress(folder / "state.json"))
        return done.stored, done.rejects.total()

    return asyncio.run(fetch())


def test_bars_are_stored_unless_those_there_are_of_more_trades(
    settings: Settings, server: MassiveRestServer, tmp_path: Path
) -> None:
    database = settings.stores.timescaledb
    TimescaleSink(database, BAR).write(bars(bar(minute=1, trade_count=9), bar(minute=2, trade_count=2)))
    server.page_rows = 2
    server.bars["AAPL"] = [minute_bar((SECONDS + 60 * minute) * 1000, count=3) for minute in range(6)]
    server.bars["AAPL"][3]["n"] = None
    assert fetched(settings, server, tmp_path, FIVE_MINUTES, "AAPL") == (4, 1)
    minutes = "SELECT extract(minute FROM window_start)::int, trade_count, close FROM aggregated_data ORDER BY 1"
    assert ask(database, minutes) == [(30, 3, 11.0), (31, 9, 10.0), (32, 3, 11.0), (34, 3, 11.0)]
    calls = len(server.calls)
    assert fetched(settings, server, tmp_path, FIVE_MINUTES, "AAPL") == (0, 0)
    assert len(server.calls) == calls


def test_bars_that_cannot_be_had_are_refused_with_the_reason(
    settings: Settings, server: MassiveRestServer, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInputError, match="knows no symbol XYZQ on 2024-05-06"):
        fetched(settings, server, tmp_path, FIVE_MINUTES, "XYZQ")
    with pytest.raises(InvalidInputError, match="minute bars are of whole minutes"):
        fetched(settings, server, tmp_path, Span(OPENING, OPENING + timedelta(seconds=90)), "AAPL")
    hourly = settings.model_copy(update={"window_configurations": (WindowConfiguration(name="1h", duration=3600),)})
    with pytest.raises(ConfigError, match="no window of 60 seconds"):
        fetched(hourly, server, tmp_path, FIVE_MINUTES, "AAPL")
    nowhere = settings.model_copy(update={"stores": StoreSettings(timescaledb=TimescaleSettings(enabled=False))})
    with pytest.raises(ConfigError, match="no store that keeps the past"):
        fetched(nowhere, server, tmp_path, FIVE_MINUTES, "AAPL")


def test_a_store_that_refuses_is_written_to_again(
    fresh_database: TimescaleSettings, server: MassiveRestServer, tmp_path: Path
) -> None:
    settings = Settings(stores=StoreSettings(timescaledb=fresh_database))
    server.bars["AAPL"] = [minute_bar(SECONDS * 1000)]
    with pytest.raises(StoreError, match="run `mdstream maintain`"):
        fetched(settings, server, tmp_path, FIVE_MINUTES, "AAPL")
    create_schema(fresh_database, [BAR])
    assert fetched(settings, server, tmp_path, FIVE_MINUTES, "AAPL") == (1, 0)


def test_trades_that_are_stored_are_left_out(fresh_database: TimescaleSettings) -> None:
    create_schema(fresh_database, [STORED_TICK])
    live = [tick_of_record("AAPL", trade(number, SECONDS * 10**9 + number * 10**6)) for number in range(6)]
    fetched_again = [{**each, "source": "massive"} for each in live]
    stored = [
        tick(event_time=OPENING + timedelta(milliseconds=number), offset=number, sequence=1063 + number)
        | {"source": "massive", "exchange": "11", "trade_id": str(number)}
        for number in (1, 2, 4)
    ]
    # Of another source, another venue, another symbol: these are not the trades looked for.
    stored[1]["source"] = "finage"
    stored[2]["exchange"] = "12"
    TimescaleSink(fresh_database, STORED_TICK).write(ticks(*stored, {**stored[0], "symbol": "MSFT", "kafka_offset": 9}))
    assert [each["trade_id"] for each in missing_trades(fresh_database, fetched_again)] == ["0", "2", "3", "4", "5"]
    cancelled = {**fetched_again[1], "conditions": ["12", "correction:8", "cancel"]}
    assert missing_trades(fresh_database, [cancelled, fetched_again[1]]) == [cancelled]
    assert missing_trades(fresh_database, []) == []
