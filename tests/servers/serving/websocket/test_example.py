"""The script of examples/ that follows bars; what passes is as the AsyncAPI document says."""

from __future__ import annotations

import asyncio

import jsonschema
import orjson
import pytest
from confluent_kafka import Producer

from docs.reference.asyncapi import document
from mdstream.schemas import BAR
from tests.examples_of_users import script
from tests.servers.serving.websocket.running import ANSWER_SECONDS, Exchange, Running
from tests.wrong_records import good

pytestmark = pytest.mark.servers

MINUTE = 60_000_000
SENT = "websocket_frames_sent_total"


def test_bars_come_as_they_close(server: Running, servers: str, symbol: str) -> None:
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 0})
    begin = good(BAR)["window_start"] // MINUTE * MINUTE

    def send(minute: int, count: int, close: float) -> None:
        start = begin + minute * MINUTE
        place = {"symbol": symbol, "window": "1min", "window_start": start, "window_end": start + MINUTE}
        producer.produce("aggregated_data", orjson.dumps(good(BAR, **place, trade_count=count, close=close)), symbol)
        producer.flush()

    async def follow() -> list[tuple[int, float]]:
        before = server.metric(SENT)
        bars = script("follow_bars").closed_bars(server.url, [symbol])
        first = asyncio.ensure_future(anext(bars))
        while await asyncio.to_thread(server.metric, SENT) == before:  # until it has subscribed
            send(0, 1, 10.0)
        send(0, 2, 11.0)
        send(1, 1, 12.0)
        found = [await first]
        send(0, 3, 99.0)
        send(2, 1, 13.0)
        found.append(await anext(bars))
        await bars.aclose()
        return [((bar["window_start"] - begin) // MINUTE, bar["close"]) for bar in found]

    assert asyncio.run(asyncio.wait_for(follow(), 3 * ANSWER_SECONDS)) == [(0, 11.0), (1, 12.0)]


def test_what_passes_is_as_the_asyncapi_document_says(server: Running, exchange: Exchange, symbol: str) -> None:
    messages = document()["components"]["messages"]
    with server.client() as client:
        client.say(type="subscribe", symbols=[symbol])
        exchange.trade(symbol)
        heard = [client.hear() for _ in range(3)]
        client.say(type="ping")
        client.say(type="unsubscribe", symbols=[symbol])
        client.say(type="odd")
        heard += [client.hear() for _ in range(3)]
    kinds = {message["type"] for message in heard}
    assert kinds == {"subscribed", "tick", "bar", "pong", "unsubscribed", "error"}
    for message in heard:
        jsonschema.validate(message, messages[message["type"]]["payload"], jsonschema.Draft7Validator)
