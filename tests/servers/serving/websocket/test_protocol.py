"""What a client can say, and what it hears."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from tests.servers.serving.websocket.running import ANSWER_SECONDS, Exchange, Running, Talk

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "websocket.md"


def test_subscribing_brings_the_last_state_and_what_follows(server: Running, exchange: Exchange, symbol: str) -> None:
    with server.client() as client:
        client.say(type="subscribe", symbols=[symbol, "AAPL"])
        answer = client.hear()
        exchange.trade(symbol, price=101.5, conditions=["@", "I"])
        first = {message["type"]: message for message in (client.hear(), client.hear())}
        exchange.trade(symbol)
        second = {message["type"]: message for message in (client.hear(), client.hear())}
    with server.client() as later:
        later.say(type="subscribe", symbols=[symbol], channels=["bar"], windows=["1min"])
        later_answer = later.hear()
        snapshot = later.hear()

    assert answer == {
        "type": "subscribed",
        "symbols": [symbol, "AAPL"],
        "channels": ["tick", "bar"],
        "windows": ["1min", "5min", "15min"],
        "unknown": [symbol],
        "server": answer["server"],
    }
    assert first["tick"]["sequence"] == first["bar"]["sequence"] == 1
    assert first["tick"]["data"]["price"] == 101.5
    assert first["tick"]["data"]["conditions"] == ["@", "I"]
    assert second["tick"]["sequence"] == second["bar"]["sequence"] == 2
    assert "snapshot" not in second["bar"]
    assert later_answer["unknown"] == []
    assert snapshot == second["bar"] | {"snapshot": True}


def test_after_a_reconnect_comes_what_was_missed(server: Running, exchange: Exchange, symbol: str) -> None:
    with server.client() as client:
        client.say(type="subscribe", symbols=[symbol], channels=["bar"], windows=["1min"])
        name = client.hear()["server"]
        exchange.trade(symbol)
        seen = client.hear()["sequence"]
    for _ in range(2):
        exchange.trade(symbol)
    of_bars = {"symbols": [symbol], "channels": ["bar"], "windows": ["1min"]}
    with server.client() as client:
        client.say(type="subscribe", **of_bars)
        while client.hear_until("bar")["sequence"] < seen + 2:
            pass
    with server.client() as client:
        client.say(type="subscribe", **of_bars, since={symbol: seen}, server=name)
        answer, missed, resumed = client.hear(), client.hear(), client.hear()
        client.say(type="subscribe", **of_bars, since=seen, server="another start of it")
        assert client.hear()["type"] == "subscribed"
        assert client.hear()["snapshot"] is True

    assert answer["type"] == "subscribed"
    assert (missed["sequence"], "snapshot" in missed) == (seen + 2, False)
    assert resumed == {"type": "resumed", "replaced": 1}


def test_unsubscribing_ends_it(server: Running, exchange: Exchange, symbol: str) -> None:
    with server.client(symbol) as client:
        exchange.trade(symbol)
        assert {client.hear()["type"], client.hear()["type"]} == {"tick", "bar"}
        client.say(type="unsubscribe", symbols=[symbol], channels=["tick"])
        assert client.hear() == {"type": "unsubscribed", "symbols": [symbol], "left": [symbol]}
        exchange.trade(symbol)
        assert client.hear()["type"] == "bar"
        client.say(type="unsubscribe", symbols=["*"])
        assert client.hear() == {"type": "unsubscribed", "symbols": ["*"], "left": []}
        exchange.trade(symbol)
        client.say(type="ping")
        assert client.hear() == {"type": "pong"}


@pytest.mark.parametrize(
    ("message", "code", "named"),
    [
        ("hello", "not_json", "not JSON"),
        ("[1]", "not_an_object", "JSON object"),
        ('{"type":"subscrib"}', "unknown_type", "did you mean 'subscribe'?"),
        ('{"type":7}', "unknown_type", "subscribe, unsubscribe, ping, auth"),
        ("{}", "unknown_type", "None"),
        ('{"type":"subscribe"}', "invalid_message", "symbols: Field required"),
        ('{"type":"subscribe","symbols":[]}', "invalid_message", "symbols"),
        ('{"type":"subscribe","symbols":"AAPL"}', "invalid_message", "symbols"),
        ('{"type":"subscribe","symbols":["no such\\u0000symbol"]}', "invalid_message", "symbols.0"),
        ('{"type":"subscribe","symbols":["AAPL"],"since":-1}', "invalid_message", "since"),
        ('{"type":"subscribe","symbols":["AAPL"],"channels":["trades"]}', "invalid_message", "'prediction'"),
        ('{"type":"subscribe","symbols":["AAPL"],"windows":["7min"]}', "unknown_window", "1min, 5min, 15min"),
        ('{"type":"subscribe","symbols":["AAPL"],"depth":5}', "invalid_message", "depth"),
        (b"\xff\x00", "not_text", "JSON in a text message"),
    ],
)
def test_what_is_wrong_is_said_and_the_connection_stays(
    server: Running, message: str | bytes, code: str, named: str
) -> None:
    with server.client() as client:
        client.connection.send(message)
        answer = client.hear()
        client.say(type="ping")
        assert client.hear() == {"type": "pong"}

    assert (answer["type"], answer["code"]) == ("error", code)
    assert named in answer["message"]


def test_a_message_that_is_too_long_ends_the_connection_and_no_other(
    server: Running, exchange: Exchange, symbol: str
) -> None:
    before = server.refused("oversize")
    with server.client(symbol) as other:
        with connect(server.url, proxy=None) as client:
            client.send(" " * 262_145)
            with pytest.raises(ConnectionClosedError) as caught:
                client.recv(ANSWER_SECONDS)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009
        exchange.trade(symbol)
        assert other.hear()["symbol"] == symbol
    assert server.refused("oversize") == before + 1


def test_too_many_subscriptions_are_refused_and_counted(server: Running) -> None:
    before = server.refused("subscriptions")
    with server.client("AAPL", "MSFT", "*") as client:
        client.say(type="subscribe", symbols=["A", "B", "C"])
        answer = client.hear_until("error")
        client.say(type="subscribe", symbols=["A", "B", "AAPL"])
        assert client.hear_until("subscribed")["symbols"] == ["A", "B", "AAPL"]

    assert answer["code"] == "too_many_subscriptions"
    assert "6 symbols; at most 5" in answer["message"]
    assert server.refused("subscriptions") == before + 1


def _ping_on(client: Talk) -> Iterator[dict[str, Any]]:
    while True:
        client.say(type="ping")
        yield client.hear()


def test_a_flood_of_messages_ends_the_connection(server: Running, exchange: Exchange, symbol: str) -> None:
    before = server.refused("message_rate")
    heard: list[dict[str, Any]] = []
    with server.client(symbol) as other:
        with server.client() as client, pytest.raises(ConnectionClosedError) as caught:
            heard.extend(_ping_on(client))
        exchange.trade(symbol)
        assert other.hear()["symbol"] == symbol
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1008
    assert heard[-1]["code"] == "too_many_messages"
    assert server.refused("message_rate") == before + 1


@pytest.mark.skipif(shutil.which("node") is None, reason="the JavaScript of the page needs node")
def test_the_javascript_of_the_page_works_as_it_stands(server: Running, exchange: Exchange) -> None:
    [program] = re.findall(r"```js\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exchange.trade("AAPL")
    with subprocess.Popen(
        ["node", "--experimental-websocket", "-e", program.replace(":8001", f":{server.port}")],
        stdout=subprocess.PIPE,
        text=True,
    ) as page:
        assert page.stdout is not None
        shown = page.stdout.readline()
        page.kill()

    assert shown == "AAPL 1min 100\n"


def test_plain_http_on_the_same_port(server: Running, exchange: Exchange, symbol: str) -> None:
    with server.client(symbol) as client:
        exchange.trade(symbol)
        client.hear()
        clients = server.metric("websocket_clients")
    metrics = server.get("/metrics")
    families = {family.name: family for family in text_string_to_metric_families(metrics.text)}

    assert clients == 1
    assert "processing_latency_seconds" in families
    assert server.get("/health/live").json()["status"] == "alive"
    assert server.get("/health/ready").json()["status"] == "ready"
    assert server.get("/").status_code == 426
    assert server.get("/elsewhere").status_code == 404
    assert "server" not in server.get("/").headers
