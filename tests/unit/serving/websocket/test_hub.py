from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from mdstream.config import ServingSettings, Settings, SparkSettings
from mdstream.config.serving import WebSocketSettings
from mdstream.config.settings import WindowConfiguration
from mdstream.kafka.reader import Arrival
from mdstream.serving.websocket.channels import DEFAULT_CHANNELS
from mdstream.serving.websocket.client import Client
from mdstream.serving.websocket.counters import Counters
from mdstream.serving.websocket.hub import Hub, Selection
from tests.unit.serving.websocket.peers import Peer, client_of
from tests.unit.serving.websocket.records import MINUTE, NOON, anomaly, bar, prediction, quote, tick

LATER = NOON + MINUTE
WINDOWS = ("1min", "5min", "15min")


class Exchange:
    """A hub, the clients it knows, and rounds when the test says so."""

    def __init__(
        self, windows: Sequence[WindowConfiguration] | None = None, spark: SparkSettings | None = None
    ) -> None:
        self.registry = CollectorRegistry()
        websocket = WebSocketSettings(stalled_seconds=15)
        settings = Settings(serving=ServingSettings(websocket=websocket), spark=spark or SparkSettings())
        if windows is not None:
            settings = settings.model_copy(update={"window_configurations": tuple(windows)})
        self.hub = Hub(settings, Counters(self.registry))

    def join(
        self, *symbols: str, channels: Sequence[str] = DEFAULT_CHANNELS, windows: Sequence[str] = WINDOWS
    ) -> tuple[Peer, Client]:
        peer = Peer()
        client = client_of(peer)
        self.hub.add(client)
        if symbols:
            self.hub.subscribe(client, Selection(symbols, channels, windows))
        return peer, client

    def round(self) -> None:
        asyncio.run(self.hub._round())

    def count(self, name: str) -> float:
        value = self.registry.get_sample_value(name)
        assert value is not None
        return value


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


def sequences(messages: list[dict[str, object]]) -> list[object]:
    return [message["sequence"] for message in messages]


def test_a_record_reaches_who_wants_it_with_the_very_bytes_of_the_topic(exchange: Exchange) -> None:
    apple, _ = exchange.join("AAPL")
    other, _ = exchange.join("MSFT")
    everything, _ = exchange.join("*")
    exchange.hub.take([tick(price=189.25, conditions=["@", "I"])])
    exchange.round()

    [message] = apple.received()
    assert message == {
        "type": "tick",
        "symbol": "AAPL",
        "sequence": 1,
        "data": {
            "symbol": "AAPL",
            "price": 189.25,
            "size": 100.0,
            "event_time": NOON,
            "ingest_time": NOON,
            "conditions": ["@", "I"],
        },
    }
    assert other.received() == []
    assert everything.received() == [message]


def test_a_symbol_of_other_characters_is_none(exchange: Exchange) -> None:
    peer, _ = exchange.join("*")
    exchange.hub.take([tick(symbol="A\n"), tick(symbol="BTC/USD")])
    exchange.round()

    assert [message["symbol"] for message in peer.received()] == ["BTC/USD"]


def test_frames_longer_than_the_short_forms_of_a_length(exchange: Exchange) -> None:
    peer, _ = exchange.join("AAPL")
    for length in (1, 70, 60_000, 65_500):
        exchange.hub.take([tick(more="x" * (length - len(tick(more="").value) if length > 1_000 else length))])
        exchange.round()

    # The last one is, with what stands around it, longer than what two bytes can tell.
    assert [message["sequence"] for message in peer.received()] == [1, 2, 3, 4]


def test_newer_records_take_the_place_of_what_waits_and_leave_a_gap(exchange: Exchange) -> None:
    peer, _ = exchange.join("AAPL", windows=["1min"])
    exchange.hub.take([tick(), *(bar(count=count) for count in range(1, 8)), tick(at=NOON + 1), tick(at=NOON + 2)])
    exchange.round()
    newest_bar, newest_tick = peer.received()

    assert (newest_tick["type"], newest_tick["sequence"], newest_tick["data"]["event_time"]) == ("tick", 3, NOON + 2)
    assert (newest_bar["type"], newest_bar["sequence"], newest_bar["data"]["trade_count"]) == ("bar", 7, 7)
    assert peer.writes == 1
    assert exchange.count("websocket_frames_sent_total") == 2
    assert exchange.count("websocket_frames_conflated_total") == 8


def test_the_last_revision_of_a_bar_is_not_lost_to_the_next_bar(exchange: Exchange) -> None:
    peer, _ = exchange.join("AAPL", channels=["bar"])
    exchange.hub.take([bar(count=1), bar(count=2), bar(start=LATER, count=1), bar(start=LATER, count=2)])
    exchange.round()

    bars = [(message["data"]["window_start"], message["data"]["trade_count"]) for message in peer.received()]
    assert bars == [(NOON, 2), (LATER, 2)]


def test_numbers_never_go_back(exchange: Exchange) -> None:
    peer, _ = exchange.join("AAPL", channels=["bar"])
    exchange.hub.take([bar(count=1), bar(start=LATER, count=1), bar(count=2), bar(start=LATER, count=2), bar(count=3)])
    exchange.round()
    messages = peer.received()

    assert sequences(messages) == [4, 5]
    assert [message["data"]["window_start"] for message in messages] == [LATER, NOON]


def test_numbers_count_for_each_symbol_channel_and_window(exchange: Exchange) -> None:
    peer, _ = exchange.join("*")
    for _ in range(2):
        exchange.hub.take([tick(), tick("MSFT"), bar(), bar(window="5min")])
        exchange.round()

    # The second bars are repeats.
    assert sequences(peer.received()) == [1, 1, 1, 1, 2, 2]


def test_repeats_and_older_revisions_are_dropped(exchange: Exchange) -> None:
    peer, _ = exchange.join("AAPL", channels=["bar"])
    for record in (bar(count=5), bar(count=5), bar(count=4), bar(count=5, close=190.0), bar(count=6)):
        exchange.hub.take([record])
        exchange.round()

    # Indicators of a bar may change while its count does not.
    assert [(message["data"]["trade_count"], message["data"]["close"]) for message in peer.received()] == [
        (5, 189.5),
        (5, 190.0),
        (6, 189.5),
    ]


def test_bars_that_come_again_behind_a_crash_do_not_go_back() -> None:
    """As many as a live engine sends again of short windows: many more than a client can catch up on."""
    exchange = Exchange([WindowConfiguration(name="5s", duration=5)])
    peer, _ = exchange.join("AAPL", channels=["bar"], windows=["5s"])
    starts = [NOON + number * 5_000_000 for number in range(100)]
    for count, first in ((7, 0), (3, 0), (8, 90)):
        exchange.hub.take([bar(start=start, count=count, window="5s") for start in starts[first:]])
        exchange.round()
    counts = [message["data"]["trade_count"] for message in peer.received()]
    assert counts == [7] * 100 + [8] * 10


def test_the_longer_a_batch_is_the_more_bars_come_again() -> None:
    spark = SparkSettings(real_time_trigger="30 minutes")
    exchange = Exchange([WindowConfiguration(name="5s", duration=5)], spark=spark)
    peer, _ = exchange.join("AAPL", channels=["bar"], windows=["5s"])
    starts = [NOON + number * 5_000_000 for number in range(500)]
    for count in (7, 3):
        exchange.hub.take([bar(start=start, count=count, window="5s") for start in starts])
        exchange.round()
    assert {message["data"]["trade_count"] for message in peer.received()} == {7}


def test_equal_trades_all_count(exchange: Exchange) -> None:
    peer, _ = exchange.join("AAPL")
    for _ in range(3):
        exchange.hub.take([tick()])
        exchange.round()

    assert sequences(peer.received()) == [1, 2, 3]


def test_each_exchange_has_a_newest_quote_of_its_own(exchange: Exchange) -> None:
    peer, _ = exchange.join("AAPL", channels=["quote"])
    others, _ = exchange.join("AAPL")
    exchange.hub.take([quote(exchange="N"), quote(exchange="Q"), quote(exchange="N", at=NOON + 2, bid=189.3), quote()])
    exchange.hub.take([quote(exchange="N", at=NOON + 1, bid=189.2)])
    exchange.round()

    seen = [(message["data"].get("exchange"), message["data"]["bid"]) for message in peer.received()]
    assert seen == [("Q", 189.25), ("N", 189.3), (None, 189.25), ("N", 189.2)]
    assert others.received() == [], "quotes come to those who ask for them"
    later, _ = exchange.join("AAPL", channels=["quote"])
    newest = {message["data"].get("exchange"): message["data"]["bid"] for message in later.received()}
    assert newest == {"Q": 189.25, "N": 189.3, None: 189.25}


def test_a_quote_that_is_stored_nowhere_reaches_nobody(exchange: Exchange) -> None:
    peer, _ = exchange.join("AAPL", channels=["quote"])
    exchange.hub.take(
        [quote(bid=-1.0), quote(bid=None, ask=None), quote(at=NOON + 10**9, ingest_time=NOON), quote(bid=0.0)]
    )
    exchange.round()

    assert [message["data"]["bid"] for message in peer.received()] == [0.0]


def test_a_late_trade_does_not_take_the_place_of_the_newest(exchange: Exchange) -> None:
    peer, _ = exchange.join("AAPL", channels=["tick"])
    exchange.hub.take([tick(at=NOON + 5), tick(at=NOON), tick(at=NOON + 1)])
    exchange.round()
    later, _ = exchange.join("AAPL", channels=["tick"])

    assert [message["data"]["event_time"] for message in peer.received()] == [NOON + 5, NOON + 1]
    assert [message["data"]["event_time"] for message in later.received()] == [NOON + 5]


def test_a_snapshot_is_the_newest_of_each_thing(exchange: Exchange) -> None:
    exchange.hub.take([tick(), tick(at=NOON + 1), tick("MSFT"), bar(start=LATER), bar(count=3), bar(window="5min")])
    exchange.hub.take([anomaly(), anomaly(rule="price_spike"), anomaly(start=LATER)])
    exchange.hub.take([prediction(horizon=5), prediction(horizon=5, target=LATER), prediction(horizon=15)])
    peer, _ = exchange.join("AAPL", channels=("tick", "bar", "anomaly", "prediction"))
    messages = peer.received()

    assert all(message["snapshot"] is True for message in messages)
    of_type = {kind: [m["data"] for m in messages if m["type"] == kind] for kind in ("tick", "bar", "anomaly")}
    assert [data["event_time"] for data in of_type["tick"]] == [NOON + 1]
    assert {(data["window"], data["window_start"]) for data in of_type["bar"]} == {("1min", LATER), ("5min", NOON)}
    assert [(data["rule"], data["window_start"]) for data in of_type["anomaly"]] == [
        ("price_spike", NOON),
        ("volume_spike", LATER),
    ]
    forecasts = [message["data"] for message in messages if message["type"] == "prediction"]
    assert [(data["horizon_minutes"], data["target_time"]) for data in forecasts] == [(5, LATER), (15, NOON)]


def test_numbers_go_on_behind_a_snapshot(exchange: Exchange) -> None:
    exchange.hub.take([tick(), tick()])
    peer, client = exchange.join("AAPL")
    exchange.hub.take([tick()])
    # Asking again while something waits does not turn the order round.
    exchange.hub.subscribe(client, Selection(["AAPL"], ["tick"], WINDOWS))
    exchange.hub.take([tick()])
    exchange.round()

    messages = [(message["sequence"], message.get("snapshot", False)) for message in peer.received()]
    assert messages == [(2, True), (3, False), (3, True), (4, False)]


def test_windows_and_channels_are_kept_apart(exchange: Exchange) -> None:
    peer, client = exchange.join("AAPL", channels=["bar"], windows=["5min"])
    exchange.hub.subscribe(client, Selection(["MSFT"], ["tick"], WINDOWS))
    exchange.hub.take([tick(), bar(), bar(window="5min"), bar("MSFT"), tick("MSFT")])
    exchange.round()

    found = [(message["type"], message["symbol"]) for message in peer.received()]
    assert found == [("bar", "AAPL"), ("tick", "MSFT")]


def test_unsubscribing(exchange: Exchange) -> None:
    peer, client = exchange.join("AAPL", "MSFT")
    exchange.hub.take([tick(), tick("MSFT"), bar()])
    exchange.hub.unsubscribe(client, Selection(["AAPL"], ["tick"], WINDOWS))
    assert len(peer.received()) == 3  # what waited is not lost
    exchange.hub.take([tick(), tick("MSFT"), bar(count=2), bar(window="5min")])
    exchange.round()

    assert [(message["type"], message["symbol"]) for message in peer.received()] == [
        ("tick", "MSFT"),
        ("bar", "AAPL"),
        ("bar", "AAPL"),
    ]


def test_unsubscribing_from_every_symbol(exchange: Exchange) -> None:
    peer, client = exchange.join("AAPL", "*")
    exchange.hub.unsubscribe(client, Selection(["AAPL"], ["tick", "bar"], WINDOWS))
    exchange.hub.take([tick()])
    exchange.round()
    assert len(peer.received()) == 1  # as one of all symbols it still comes

    exchange.hub.unsubscribe(client, Selection(["*"], ["tick", "bar"], WINDOWS))
    exchange.hub.take([tick(), tick("MSFT"), tick("NEW")])
    exchange.round()
    assert peer.received() == []
    assert client.wanted == {}


def test_a_client_that_takes_nothing_is_conflated_and_then_cut_off(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("mdstream.serving.websocket.hub.time.monotonic", lambda: now)
    frozen, client = exchange.join("AAPL", windows=["1min"])
    live, _ = exchange.join("AAPL", windows=["1min"])
    frozen.held_back = 50_000
    for count in range(1, 15):
        now += 1
        exchange.hub.take([tick(), bar(count=count)])
        exchange.round()
    assert len(live.received()) == 28
    assert frozen.received() == []
    assert client.waiting == []

    frozen.held_back = 40_000  # it took something: its time begins anew
    for _ in range(16):
        now += 1
        exchange.round()
        assert not frozen.aborted
    now += 1
    exchange.round()
    assert frozen.aborted
    assert exchange.count("websocket_clients_stalled_total") == 1


def test_a_slow_client_goes_on_with_the_newest(exchange: Exchange) -> None:
    peer, client = exchange.join("AAPL", channels=["bar"])
    peer.held_back = 1
    for count in range(1, 100):
        exchange.hub.take([bar(count=count)])
        exchange.round()
    peer.held_back = 0
    exchange.round()

    said, *messages = peer.received()
    assert said == {"type": "dropped", "frames": 98}
    assert [(message["sequence"], message["data"]["trade_count"]) for message in messages] == [(99, 99)]
    assert exchange.count("websocket_frames_sent_total") == 2
    assert exchange.count("websocket_frames_conflated_total") == 98
    assert client.waiting == []


def test_who_left_is_forgotten(exchange: Exchange) -> None:
    peer, client = exchange.join("AAPL", "*")
    exchange.hub.take([tick()])
    exchange.hub.remove(client)
    exchange.hub.take([tick(), tick("NEW")])
    exchange.round()

    assert peer.received() == []
    assert exchange.count("websocket_clients") == 0
    assert exchange.count("websocket_frames_conflated_total") == 0
    streams = [stream for streams in exchange.hub._streams.values() for stream in streams.values()]
    assert streams
    assert all(not stream.subscribers for stream in streams)
    assert not exchange.hub._wanting


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff",
        b"[]",
        b"3",
        b"null",
        b"{}",
        b'{"symbol":"AAPL"}',
        b'{"symbol":["AAPL"],"event_time":1}',
        b'{"symbol":"AAPL","event_time":"noon"}',
        b'{"symbol":3,"event_time":1}',
        b'{"symbol":"AAPL","event_time":1} {"symbol":"MSFT"}',
    ],
)
def test_what_is_no_record_is_counted_and_harms_nobody(exchange: Exchange, value: bytes) -> None:
    peer, _ = exchange.join("*")
    exchange.hub.take([Arrival("tick_data", value), tick("MSFT")])
    exchange.round()

    assert [message["symbol"] for message in peer.received()] == ["MSFT"]
    assert exchange.registry.get_sample_value("websocket_records_unreadable_total", {"topic": "tick_data"}) == 1


def test_a_message_of_the_server_comes_at_once(exchange: Exchange) -> None:
    peer, _ = exchange.join("AAPL")
    exchange.hub.take([tick()])
    exchange.hub.announce(b'\x81\x11{"type":"status"}')
    exchange.round()

    assert [message["type"] for message in peer.received()] == ["status", "tick"]
    assert exchange.count("websocket_frames_conflated_total") == 0


def test_no_more_is_kept_of_what_clients_want_than_there_is_room_for(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdstream.serving.websocket.hub._MOST_WANTS", 5)
    _, first = exchange.join("A", "B", "C", channels=list(exchange.hub.channels))
    _, second = exchange.join("A", "*")
    assert not exchange.hub.has_room_for(1)
    exchange.hub.unsubscribe(first, Selection(["A"], ["tick"], WINDOWS))
    assert not exchange.hub.has_room_for(1)
    exchange.hub.unsubscribe(first, Selection(["A"], list(exchange.hub.channels), WINDOWS))
    assert exchange.hub.has_room_for(1)
    exchange.hub.remove(second)
    exchange.hub.remove(first)
    assert exchange.hub.has_room_for(5)
    assert not exchange.hub._wanting


def test_what_a_client_wants_takes_little_memory(exchange: Exchange) -> None:
    tracemalloc.start()
    try:
        for number in range(10):
            symbols = [f"UNKNOWN-{number}-{each}" for each in range(1000)]
            exchange.join(*symbols, channels=list(exchange.hub.channels))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 10 * 600_000


def test_records_of_windows_that_nobody_can_ask_for_are_not_kept(exchange: Exchange) -> None:
    peer, _ = exchange.join("*")
    exchange.hub.take([bar(window=f"{number}min") for number in range(16, 1000)])
    exchange.round()

    assert peer.received() == []
    assert not exchange.hub._streams


def test_kinds_and_symbols_have_an_end(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdstream.serving.websocket.hub._MOST_SYMBOLS", 3)
    exchange.hub.take([prediction(horizon=number) for number in range(1, 1000)])
    exchange.hub.take([tick(f"S{number}") for number in range(10)])
    [stream] = exchange.hub._streams["AAPL"].values()

    assert len(stream._newest) <= 256
    assert len(exchange.hub._streams) == 3
    assert exchange.registry.get_sample_value("websocket_records_unreadable_total", {"topic": "tick_data"}) == 8


def last_ticks(exchange: Exchange) -> list[int]:
    peer, _ = exchange.join("AAPL", channels=["tick"])
    return [message["data"]["event_time"] - NOON for message in peer.received()]


def test_no_cancelled_refused_or_future_tick_is_the_last_one(exchange: Exchange) -> None:
    peer, _ = exchange.join("AAPL", channels=["tick"])
    ten_years = 10 * 365 * 86_400_000_000
    for record in (
        tick(at=NOON + 1, price=1.0),
        tick(at=NOON + 2, price=777.0, conditions=["cancel"]),
        tick(at=NOON + ten_years, ingest_time=NOON, price=999.0),
        tick(at=NOON + 301_000_000, ingest_time=NOON, price=998.0),
        tick(at=NOON + 3, price=-1.0),
        tick(at=NOON + 4, size=0.0),
        tick(at=NOON + 5, price=1e13),
        tick(at=NOON + 6, price=3.0),
    ):
        exchange.hub.take([record])
        exchange.round()

    assert [message["data"]["price"] for message in peer.received()] == [1.0, 3.0]
    assert last_ticks(exchange) == [6]


def test_a_tick_whose_feed_is_ahead_of_the_broker_is_refused_as_for_the_stores(exchange: Exchange) -> None:
    ahead = tick(at=NOON + 3_600_000_000)._replace(received=NOON)
    exchange.hub.take([tick()._replace(received=NOON), ahead])
    assert last_ticks(exchange) == [0]


def test_of_ticks_of_one_time_the_last_in_the_order_of_bars_is_the_newest(exchange: Exchange) -> None:
    records = [tick(sequence=sequence, price=float(sequence)) for sequence in (2, 3, 1)]
    exchange.hub.take([record._replace(partition=0, offset=place) for place, record in enumerate(records)])
    peer, _ = exchange.join("AAPL", channels=["tick"])
    assert [message["data"]["price"] for message in peer.received()] == [3.0]


def test_a_beginning_with_a_star_stands_for_all_symbols_that_begin_so(exchange: Exchange) -> None:
    exchange.hub.take([tick("BTC/USD"), tick("ETH/USD")])
    peer, client = exchange.join("BTC*", "MSFT", channels=["tick"])
    exchange.hub.take([tick("BTC/EUR"), tick("ETH/EUR"), tick("MSFT"), tick("BT")])
    exchange.round()
    assert [message["symbol"] for message in peer.received()] == ["BTC/USD", "BTC/EUR", "MSFT"]

    exchange.hub.unsubscribe(client, Selection(["B*"], list(exchange.hub.channels), WINDOWS))
    exchange.hub.take([tick("BTC/EUR"), tick("BTC/NEW"), tick("MSFT")])
    exchange.round()
    assert [message["symbol"] for message in peer.received()] == ["MSFT"]
    assert set(client.wanted) == {"MSFT"}


def test_after_a_reconnect_comes_what_came_behind_a_number(exchange: Exchange) -> None:
    exchange.hub.take([bar(count=1)])
    exchange.round()
    exchange.hub.take([bar(count=2), bar(count=3)])
    exchange.hub.take([bar(start=LATER, count=1)])
    exchange.round()
    peer, client = exchange.join()
    of_minutes = Selection(["AAPL"], ["bar"], ["1min"])

    missed = exchange.hub.subscribe(client, of_minutes, lambda _: 1)
    messages = peer.received()
    assert [(message["sequence"], message.get("snapshot")) for message in messages] == [(3, None), (4, None)]
    assert missed == 1  # the second, whose place the third took
    assert exchange.hub.subscribe(client, of_minutes, lambda _: 4) == 0
    assert peer.received() == []
    # A number that has not been yet is of another start of the server: the last state comes.
    exchange.hub.subscribe(client, of_minutes, lambda _: 5)
    assert [message["snapshot"] for message in peer.received()] == [True]


def test_who_asks_for_more_and_takes_nothing_gets_it_when_it_has_taken_what_it_has(exchange: Exchange) -> None:
    exchange.hub.take([tick(f"S{number}") for number in range(500)])
    peer, client = exchange.join("*")
    assert len(peer.received()) == 500
    peer.held_back = 50_000
    for _ in range(100):
        exchange.hub.subscribe(client, Selection(["*"], ["tick"], WINDOWS))
    exchange.round()
    assert peer.received() == []
    peer.held_back = 0
    exchange.round()
    messages = peer.received()
    assert len(messages) == 500
    assert all(message["snapshot"] for message in messages)


def test_ten_thousand_symbols_in_one_subscription(exchange: Exchange) -> None:
    names = [f"S{number:05}" for number in range(10_000)]
    exchange.hub.take([tick(name) for name in names])
    listed, _ = exchange.join(*names, channels=["tick"])
    everything, _ = exchange.join("*", channels=["tick"])
    assert [message["symbol"] for message in listed.received()] == names
    assert len(everything.received()) == 10_000
    exchange.hub.take([tick(name, at=NOON + 1) for name in names])
    exchange.round()
    assert len(listed.received()) == len(everything.received()) == 10_000
