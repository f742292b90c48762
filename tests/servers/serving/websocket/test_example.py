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


def test_bars_come_as_they_close(server: Running, servers: str, symbol: str) -> None:
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 0})
    first = good(BAR)["window_start"] // 60_000_000 * 60_000_000
    revisions = [(0, 1, 10.0), (0, 2, 11.0), (60, 1, 12.0), (0, 3, 99.0), (120, 1, 13.0)]

    async def follow() -> list[tuple[int, float]]:
        bars, found = script("follow_bars").closed_bars(server.url, [symbol]), []
        waiting = asyncio.ensure_future(anext(bars))
        async with asyncio.timeout(ANSWER_SECONDS):
            while server.metric("websocket_subscriptions") < 1:
                await asyncio.sleep(0.05)
            for seconds, count, close in revisions:
                place = {"symbol": symbol, "window": "1min", "window_start": first + seconds * 1_000_000}
                value = good(
                    BAR, **place, window_end=place["window_start"] + 60_000_000, trade_count=count, close=close
                )
                producer.produce("aggregated_data", orjson.dumps(value), symbol)
                producer.flush()
                await asyncio.sleep(0.1)
            for _ in range(2):
                bar = await waiting
                found.append((bar["window_start"] - first, bar["close"]))
                waiting = asyncio.ensure_future(anext(bars))
        waiting.cancel()
        return found

    assert asyncio.run(follow()) == [(0, 11.0), (60_000_000, 12.0)]


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
