"""No record that arrives ends anything: those that are wrong are counted and left out, and the next one is shown."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from mdstream.config import Settings
from mdstream.kafka.reader import Arrival
from mdstream.schemas import ANOMALY, QUOTE, Record
from mdstream.serving.dashboard.market_view import MarketView
from mdstream.serving.metrics import REFUSED
from mdstream.serving.rest.latest import _Reading
from mdstream.serving.rest.models import model_of
from mdstream.serving.websocket.counters import Counters
from mdstream.serving.websocket.hub import Hub, Selection
from tests.unit.serving.websocket.peers import Peer, client_of
from tests.wrong_records import NO_RECORDS, RECORDS, good, wrong

by_name = pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
CHANNELS = {
    "tick_data": "tick",
    "aggregated_data": "bar",
    "technical_indicators": "indicator",
    "anomalies": "anomaly",
    "predictions": "prediction",
    "quote_data": "quote",
}


@by_name
def test_in_the_hub(record: Record, caplog: pytest.LogCaptureFixture) -> None:
    registry, topic = CollectorRegistry(), record.topic_name
    hub, peer = Hub(Settings(), Counters(registry)), Peer()
    client = client_of(peer)
    hub.add(client)
    hub.subscribe(client, Selection(["*"], list(hub.channels), hub.windows))
    values = [*NO_RECORDS, *(json.dumps(fields).encode() for _, fields in wrong(record))]

    async def take() -> None:
        for offset, value in enumerate(values):
            hub.take([Arrival(topic, value, 3, offset)])
            await hub._round()
        hub.take([Arrival(topic, orjson.dumps(good(record)), 3, len(values))])
        await hub._round()

    asyncio.run(take())

    assert [message["type"] for message in peer.received()] == [CHANNELS[topic]]
    assert registry.get_sample_value("websocket_records_unreadable_total", {"topic": topic}) == len(values)
    said = [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert len(said) == 1
    assert f"{topic}, partition 3 offset 0" in said[0]


def view_with(*frames: tuple[str, object]) -> MarketView:
    view = MarketView(Settings())
    for channel, data in frames:
        view._receive(channel, data, was_there=False)
    return view


def shown(view: MarketView) -> dict[str, Any]:
    answer = asyncio.run(view.answer("AAPL", "1min", 0, ""))
    answer["status"].pop("problems")
    orjson.dumps(answer)
    return answer


@by_name
def test_on_the_dashboard(record: Record) -> None:
    channel = CHANNELS[record.topic_name]
    before = REFUSED.labels("dashboard", "record")._value.get()
    frames: list[tuple[str, object]] = [(channel, fields) for _, fields in wrong(record)]
    nothing: tuple[object, ...] = (None, [], 3, "x", {})
    frames += [(channel, data) for data in nothing]
    view = view_with(*frames)
    if channel in ("tick", "quote"):
        # Nobody asked for them.
        return
    assert REFUSED.labels("dashboard", "record")._value.get() == before + len(frames)
    assert shown(view)["quotes"] == shown(view)["feed"] == []

    view._receive("bar", good(RECORDS[1]), was_there=False)
    view._receive("anomaly", good(RECORDS[3]), was_there=False)
    assert [quote["symbol"] for quote in shown(view)["quotes"]] == ["AAPL"]
    assert [anomaly["message"] for anomaly in shown(view)["feed"]] == ["text"]


@pytest.mark.parametrize(
    "record", [record for record in RECORDS if record not in (ANOMALY, QUOTE)], ids=lambda record: record.name
)
def test_what_others_wrote_into_redis(record: Record) -> None:
    reading = _Reading(record, model_of(record.name.title(), record))
    values = [*NO_RECORDS, *(json.dumps(fields).encode() for _, fields in wrong(record))]

    assert [value for value in values if reading.read("key", value) is not None] == []
    assert reading.read("key", orjson.dumps(good(record))) is not None


def test_a_bar_of_the_far_future_is_not_the_newest_for_good() -> None:
    now = good(RECORDS[1])["window_start"]
    view = view_with(
        ("bar", good(RECORDS[1], window_start=2**62, close=9.0)),
        ("bar", good(RECORDS[1], window_start=now + 10 * 86_400_000_000, close=9.0)),
        ("bar", good(RECORDS[1], window_start=now, close=2.0)),
    )
    assert [quote["last"] for quote in shown(view)["quotes"]] == [2.0]
    assert view._pace.figures(time.monotonic())["ticks_per_second"] >= 0
