"""`ticks.topic`, `ticks.columns` and `ticks.unit`: a topic and files of other people's records."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdstream.cli.tick_files import FormatName, file_form
from mdstream.config import load_settings
from mdstream.config.jobs import of_topic
from mdstream.errors import ConfigError
from mdstream.kafka.topics import plan_topics
from mdstream.schemas.units import Unit
from mdstream.serving.websocket.channels import channels_of

OWN = "ticks: {topic: trades, columns: {symbol: ticker, price: data.p, event_time: ts}, unit: ns}"


def test_the_jobs_are_told_what_a_topic_calls_its_fields(conf: Path) -> None:
    conf.write_text(OWN)
    settings = load_settings()
    assert settings.tick_record.topic == "trades"
    assert settings.ticks.reading == {
        "max_future_skew_seconds": 300,
        "nonpositive_prices": False,
        "columns": {"symbol": "ticker", "price": "data.p", "event_time": "ts"},
        "unit": "ns",
    }
    assert "trades" in [plan.name for plan in plan_topics(settings)]
    assert of_topic("store_ticks", settings.ticks.topic) != of_topic("store_ticks", "tick_data") == "store_ticks"


@pytest.mark.parametrize(
    ("content", "topic", "read_by_websocket"),
    [("ticks: {}", "tick_data", "tick_data"), ("ticks: {topic: prod.ticks}", "prod.ticks", "prod.ticks")],
)
def test_feeds_write_to_the_topic_that_is_read(conf: Path, content: str, topic: str, read_by_websocket: str) -> None:
    conf.write_text(content)
    settings = load_settings()
    assert settings.ticks.written_topic == settings.ticks.topic == topic
    assert settings.ticks.reading["columns"] is None
    assert channels_of(settings)[0].topic == read_by_websocket


def test_feeds_do_not_write_between_other_peoples_records(conf: Path) -> None:
    conf.write_text(OWN)
    settings = load_settings()
    with pytest.raises(ConfigError, match=r"ticks.topic \(trades\), whose fields ticks.columns names"):
        _ = settings.ticks.written_topic
    assert channels_of(settings)[0].topic == "tick_data"


def test_names_of_columns_are_of_files_too_and_never_of_our_own_topic(conf: Path) -> None:
    conf.write_text("ticks: {columns: {symbol: ticker}, unit: ms}")
    ticks = load_settings().ticks
    assert ticks.reading["columns"] is None
    assert ticks.written_topic == "tick_data"
    form = file_form(configured=ticks)
    assert (form.columns, form.unit) == ({"symbol": "ticker"}, Unit.MILLISECONDS)
    assert file_form(columns="sym=symbol", configured=ticks).columns == {"symbol": "sym"}
    assert file_form(unit=Unit.SECONDS, configured=ticks).unit is Unit.SECONDS
    assert not file_form(FormatName("kraken"), configured=ticks).columns


def test_they_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDSTREAM_TICKS__TOPIC", "trades")
    monkeypatch.setenv("MDSTREAM_TICKS__COLUMNS", '{"symbol": "ticker"}')
    assert load_settings().ticks.columns_of_topic == {"symbol": "ticker"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("ticks: {columns: {ticker: symbol}}", "a tick has no field ticker"),
        ("ticks: {columns: {symbol: ''}}", "nothing is named that holds the field symbol"),
        ("ticks: {topic: aggregated_data}", "aggregated_data is a topic that mdstream writes"),
        ("ticks: {topic: 'a topic'}", "topic"),
        ("ticks: {unit: minutes}", "unit"),
    ],
)
def test_what_they_cannot_be_is_refused(conf: Path, content: str, message: str) -> None:
    conf.write_text(content)
    with pytest.raises(ConfigError, match=message):
        load_settings()
