"""The package of docs/extending.md at work: its feed, store, indicator and channel, found by their names."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from typer.testing import CliRunner
from websockets.asyncio.server import ServerConnection, serve

from mdstream.alerting import open_channel
from mdstream.cli.app import app
from mdstream.config import load_settings
from mdstream.errors import ConfigError, InvalidInputError, SinkUnavailableError
from mdstream.feeds.base import WireBar, WireTick
from mdstream.feeds.extension import FeedOptions, open_feeds
from mdstream.indicators import indicator_record, indicator_values, parse_indicators, runs_in_engine
from mdstream.indicators.extension import function_of
from mdstream.monitoring.doctor import checks_of_stores
from mdstream.schemas import BAR, STORED_TICK
from mdstream.schemas.rules import Rule
from mdstream.serving.dashboard.studies import study_of
from mdstream.stores import configured_sinks, lasting_sinks, stored_sinks
from mdstream.stores.extension import enabled_stores
from mdstream.transforms import to_anomalies, with_indicators
from tests.unit.alerting.alerts import alert
from tests.unit.extensions.conftest import EXAMPLE
from tests.unit.feeds.taking import take
from tests.unit.stores.rows import bar, bars, tick, ticks

DOCS = (Path(__file__).parents[3] / "docs" / "extending.md").read_text(encoding="utf-8")
TRADE = {"symbol": "AAPL", "px": "187.20", "qty": 100, "ms": 1_723_161_255_342}
SQLITE_ALONE = (
    "stores: {timescaledb: {enabled: false}, redis: {enabled: false}, kafka: {enabled: false}, "
    "sqlite: {enabled: true, path: PATH}}"
)

pytestmark = pytest.mark.usefixtures("example")


def configure(project: Path, text: str) -> None:
    (project / "conf" / "mdstream.yaml").write_text(text)


async def take_from_acme(frames: list[str]) -> tuple[list[WireTick | WireBar], list[str], list[str]]:
    """What the feed delivers of these frames, the reasons of what it refuses, and what the server was sent."""
    asked: list[str] = []

    async def push(socket: ServerConnection) -> None:
        asked.extend([str(await socket.recv()), str(await socket.recv())])
        for frame in frames:
            await socket.send(frame)
        await socket.wait_closed()

    async with serve(push, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        configure(Path(), f"feeds: {{acme: {{url: 'ws://127.0.0.1:{port}', api_key: hunter2}}}}")
        [(feed, symbols)] = open_feeds({"acme": ("AAPL",)}, FeedOptions(), load_settings())
        await feed.connect()
        await feed.subscribe(symbols)
        taken, batches = await asyncio.wait_for(take(feed, 1), 30)  # type: ignore[arg-type]
    return taken, [reject.reason for batch in batches for reject in batch.rejects], asked


def test_the_feed_delivers_what_the_vendor_pushes(project: Path) -> None:
    [found], refused, asked = asyncio.run(take_from_acme(['{"symbol": "AAPL"}', json.dumps(TRADE)]))
    assert asked == ['{"key": "hunter2"}', '{"subscribe": ["AAPL"]}']
    assert refused == ["not a trade of acme: KeyError('px')"]
    assert (found["symbol"], found["price"], found["size"]) == ("AAPL", 187.2, 100.0)
    assert (found["event_time"], found["source"]) == (1_723_161_255_342_000, "acme")


def test_the_feeds_settings_come_from_the_environment_too(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInputError, match="set MDSTREAM_FEEDS__ACME__API_KEY"):
        open_feeds({"acme": ()}, FeedOptions(), load_settings())
    monkeypatch.setenv("MDSTREAM_FEEDS__ACME__API_KEY", "hunter2")
    settings = load_settings()
    [(feed, symbols)] = open_feeds({"acme": ()}, FeedOptions(), settings)
    assert (feed.name, symbols) == ("acme", settings.symbols)
    assert "hunter2" not in settings.model_dump_json() + repr(settings)
    assert settings.model_dump(mode="json")["feeds"]["acme"]["url"] == "wss://stream.acme.example/v1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("feeds: {acme: {urll: x}}", "feeds.acme.urll: unknown key; did you mean 'url'?"),
        ("feeds: {acme: {url: 'http://x'}}", "feeds.acme.url: String should match pattern '^wss?://'"),
        ("feeds: {acmee: {}}", "feeds.acmee: unknown key; did you mean 'acme'?"),
        ("stores: {sqlite: {enabled: maybe}}", "stores.sqlite.enabled: Input should be a valid boolean"),
        ("alerts: {channel: pager}", "unknown channel 'pager'; installed are: json_lines, log, slack"),
        ("technical_indicators: {efficiency_ratio: {period: 0}}", "period is 0; expected a whole number from 1 to"),
        ("technical_indicators: {efficency_ratio: {}}", "did you mean 'efficiency_ratio'?"),
    ],
)
def test_its_settings_are_checked_as_our_own(project: Path, text: str, expected: str) -> None:
    configure(project, text)
    with pytest.raises(ConfigError, match=re.escape(expected)):
        load_settings()


def stored(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def test_the_store_keeps_the_newest_revision_of_each_bar(project: Path) -> None:
    configure(project, SQLITE_ALONE.replace("PATH", "market.sqlite"))
    settings = load_settings()
    [sink] = configured_sinks(settings, BAR)
    assert stored_sinks(settings, BAR) == lasting_sinks(settings, BAR) == (sink,)
    sink.write(bars(bar(trade_count=3, close=12.0), bar(minute=1, trade_count=1, close=11.0)))
    sink.write(bars(bar(trade_count=2, close=99.0)))
    sink.write(bars(bar(trade_count=4, close=13.0)))
    sink.write(bars(bar(trade_count=4, close=13.0)))
    # Relative to the configuration file, which is in conf.
    found = stored(project / "conf" / "market.sqlite", "SELECT close, trade_count FROM aggregated_data ORDER BY 1")
    assert found == [(11.0, 1), (13.0, 4)]

    [of_ticks] = configured_sinks(settings, STORED_TICK)
    of_ticks.write(ticks(tick(), tick()))
    assert stored(project / "conf" / "market.sqlite", "SELECT count(*) FROM tick_data") == [(1,)]


def test_a_store_that_is_away_is_said_to_be(project: Path) -> None:
    configure(project, SQLITE_ALONE.replace("PATH", "nowhere/market.sqlite"))
    settings = load_settings()
    [sink] = configured_sinks(settings, BAR)
    with pytest.raises(SinkUnavailableError, match=r"is stores\.sqlite\.path right\?"):
        sink.write(bars(bar()))
    [check] = checks_of_stores(settings)
    finding = check()
    assert (finding.component, finding.where) == ("sqlite", "mdstream-example")
    assert finding.missing == (f"the folder of {project / 'conf' / 'nowhere' / 'market.sqlite'}",)


def test_a_store_is_off_unless_it_is_switched_on(project: Path) -> None:
    configure(project, "stores: {sqlite: {path: x}}")
    assert [store.name for store in enabled_stores(load_settings())] == ["timescaledb", "redis", "kafka"]


def test_the_indicator_is_configured_and_computed_as_those_of_talib() -> None:
    indicators = parse_indicators({"efficiency_ratio": {"periods": [3, 4]}})
    assert not runs_in_engine(indicators)
    assert indicator_record(indicators).schema.names[-2:] == ["efficiency_ratio_3", "efficiency_ratio_4"]
    assert str(indicators[0]) == "EFFICIENCY_RATIO(close, timeperiod=3)"
    # Three up in three steps of one; then two down, where it was three bars before.
    found = indicator_values(indicators, {"close": np.array([10.0, 11.0, 12.0, 13.0, 11.0])})
    np.testing.assert_array_equal(found["efficiency_ratio_3"], [np.nan, np.nan, np.nan, 1.0, 0.0])
    np.testing.assert_array_equal(found["efficiency_ratio_4"], [np.nan] * 4 + [0.2])
    assert study_of(indicators[0]).label == "EFFICIENCY_RATIO 3"
    assert function_of("EFFICIENCY_RATIO").owner == "the package mdstream-example"


def test_a_rule_sees_the_indicators_column(spark: SparkSession, example_site: Path, tmp_path: Path) -> None:
    spark.sparkContext.addPyFile(shutil.make_archive(str(tmp_path / "example"), "zip", example_site))
    closes = [10.0, 11.0, 12.0, 13.0, 11.0]
    frame = spark.createDataFrame(
        pa.Table.from_batches([bars(*(bar(minute=m, close=c) for m, c in enumerate(closes)))])
    )
    straight = Rule(
        name="straight",
        predicate="efficiency_ratio_3 > 0.9",
        severity="low",
        message="all one way: {efficiency_ratio_3:.2f}",
    )
    indicators = parse_indicators({"efficiency_ratio": {"period": 3}})
    [found] = frame.transform(with_indicators, indicators).transform(to_anomalies, [straight]).collect()
    assert (found.rule, found.message) == ("straight", "all one way: 1.00")


def test_alerts_go_to_the_channel(project: Path) -> None:
    configure(project, "alerts: {channel: json_lines, json_lines: {path: told.jsonl}}")
    channel = open_channel(load_settings().alerts)
    channel.send(alert(severity="critical"), "3 more alerts held back")
    [line] = (project / "conf" / "told.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "severity": "critical",
        "title": alert().title,
        "message": "up & away",
        "summary": "3 more alerts held back",
    }


def test_what_is_installed_is_listed() -> None:
    result = CliRunner().invoke(app, ["extensions"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in result.output.splitlines()]
    assert {tuple(row) for row in rows if "mdstream-example" in row} == {
        (kind, name, "mdstream-example", "ok")
        for kind, name in {
            "feed": "acme",
            "store": "sqlite",
            "indicator": "efficiency_ratio",
            "channel": "json_lines",
        }.items()
    }
    assert ["feed", "binance", "mdstream-spark", "ok"] in rows


def test_the_docs_show_the_code_that_runs() -> None:
    shown = re.findall(r"```(?:python|toml)\n(.*?)```", DOCS, re.DOTALL)
    files = [EXAMPLE / "pyproject.toml", *(EXAMPLE / "mdstream_example").glob("[!_]*.py")]
    assert len(shown) == len(files) == 5
    assert {file.read_text(encoding="utf-8") for file in files} == set(shown)
