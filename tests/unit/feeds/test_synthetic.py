"""The made-up market: reproducible, usable, and shaped like one."""

from __future__ import annotations

import asyncio
import statistics
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from mdstream.errors import InvalidInputError
from mdstream.feeds import SyntheticFeed
from mdstream.feeds.synthetic import symbol_names, wire_ticks
from mdstream.feeds.validation import quote_refusal, refusal
from mdstream.schemas import QUOTE, TICK
from mdstream.testing import KNOWN_SYMBOLS, Market, MarketOptions
from tests.unit.feeds.clock import ManualClock

NOW = 1_800_000_000_000_000
SYMBOLS = ("AAPL", "MSFT", "SPY")


def made(count: int, start: int = NOW, **options: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return ticks with their time of arrival."""
    of_market = MarketOptions(**{"symbols": SYMBOLS, **options})
    market, symbols = Market(of_market, start), np.array(of_market.symbols, dtype=object)
    ticks: list[dict[str, Any]] = []
    while len(ticks) < count:
        block = market.block()
        arrivals = block.arrival.tolist()
        ticks += [{**tick, "arrival": at} for at, tick in zip(arrivals, wire_ticks(block, symbols), strict=True)]
    return ticks[:count]


def test_the_same_seed_gives_the_same_ticks_at_any_time() -> None:
    def without_time(start: int, seed: int) -> list[dict[str, Any]]:
        ticks = made(5000, start, seed=seed, late_share=0.1, duplicate_share=0.1)
        return [{**tick, "arrival": 0, "event_time": tick["event_time"] - start} for tick in ticks]

    assert without_time(NOW, 7) == without_time(NOW + 12_345_678, 7)
    assert without_time(NOW, 7) != without_time(NOW, 8)


def test_every_tick_is_usable() -> None:
    for tick in made(20_000, late_share=0.2, duplicate_share=0.1, symbols=symbol_names(50, SYMBOLS), rate=50_000.0):
        arrival = tick.pop("arrival")
        assert refusal({**tick, "ingest_time": arrival}) is None
        assert set(tick) <= set(TICK.schema.names)
        assert tick["event_time"] <= arrival


def test_the_rate_is_as_asked() -> None:
    ticks = made(20_000, rate=500.0)
    seconds = (ticks[-1]["arrival"] - ticks[0]["arrival"]) / 1e6
    assert 20_000 / seconds == pytest.approx(500, rel=0.05)  # the relative deviation of the sum is 0.7 %


def test_sequences_count_the_trades_of_each_symbol() -> None:
    by_symbol = defaultdict(list)
    for tick in made(10_000):
        by_symbol[tick["symbol"]].append(tick["sequence"])
    assert set(by_symbol) == set(SYMBOLS)
    assert all(numbers == list(range(len(numbers))) for numbers in by_symbol.values())


def test_the_first_symbols_trade_most() -> None:
    counts = Counter(tick["symbol"] for tick in made(20_000))
    assert [symbol for symbol, _ in counts.most_common()] == list(SYMBOLS)


def test_prices_walk_on_a_grid_of_a_hundredth() -> None:
    prices = [tick["price"] for tick in made(50_000) if tick["symbol"] == "AAPL"]
    assert all(price == round(price, 2) for price in prices)
    assert prices[0] == pytest.approx(230, rel=0.01)
    changes = [abs(after / before - 1) for before, after in pairwise(prices)]
    assert 0 < statistics.median(changes) < 0.005
    assert max(changes) < 0.05


def test_volume_is_highest_at_open_and_close() -> None:
    ticks = made(48_000, rate=2.0)
    volume: Counter[int] = Counter()
    for tick in ticks:
        seconds = (tick["arrival"] - NOW) / 1e6
        if seconds < 6.5 * 3600:
            volume[int(seconds / (6.5 * 3600) * 5)] += tick["size"]
    assert volume[2] < volume[1] < volume[0]
    assert volume[2] < volume[3] < volume[4]


def test_late_ticks_are_late_and_marked() -> None:
    ticks = made(20_000, late_share=0.1)
    late = [tick for tick in ticks if "Z" in tick["conditions"]]
    assert len(late) / len(ticks) == pytest.approx(0.1, rel=0.1)
    for tick in ticks:
        delay = (tick["arrival"] - tick["event_time"]) / 1e6
        assert 0 < delay <= 600.0 if "Z" in tick["conditions"] else delay == 0


def test_cancelled_ticks_are_marked() -> None:
    cancelled = [tick for tick in made(20_000, cancelled_share=0.1) if "cancel" in tick["conditions"]]
    assert len(cancelled) / 20_000 == pytest.approx(0.1, rel=0.1)


def test_duplicates_are_equal_in_everything() -> None:
    ticks = made(20_000, duplicate_share=0.1)
    twice = [tick for tick, following in pairwise(ticks) if tick == following]
    assert len(twice) / len(ticks) == pytest.approx(0.1 / 1.1, rel=0.1)
    assert not [tick for tick, following in pairwise(made(5000)) if tick == following]


def test_odd_lots_are_marked() -> None:
    for tick in made(5000):
        assert ("I" in tick["conditions"]) == (tick["size"] < 100)
        assert tick["size"] >= 1
        assert tick["size"] == int(tick["size"])


def test_a_symbol_opens_at_the_same_price_whatever_else_is_traded() -> None:
    def first(symbols: tuple[str, ...]) -> float:
        return next(float(tick["price"]) for tick in made(2000, symbols=symbols) if tick["symbol"] == "MSFT")

    assert first(SYMBOLS) == pytest.approx(first(("MSFT", "X")), rel=0.02)


def test_symbols_are_the_configured_ones_then_known_ones_then_made_up_ones() -> None:
    assert symbol_names(2, SYMBOLS) == ("AAPL", "MSFT")
    many = symbol_names(1000, ("SPY", "MINE"))
    assert many[:4] == ("SPY", "MINE", "AAPL", "MSFT")
    assert many[len(KNOWN_SYMBOLS) + 1] == f"SYN{len(KNOWN_SYMBOLS) + 2:03d}"
    assert len(set(many)) == 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"symbols": ()}, "expected different symbols, found: none"),
        ({"symbols": ("A", "A")}, "expected different symbols"),
        ({"rate": 0.0}, "positive number of ticks a second, found 0.0"),
        ({"rate": float("nan")}, "positive number"),
        ({"rate": float("inf")}, "positive number"),
        ({"late_share": 1.1}, "between 0 and 1, found 1.1"),
        ({"duplicate_share": -0.1}, "between 0 and 1, found -0.1"),
        ({"history_minutes": -1}, "0 or more, found -1"),
        ({"symbols": (" no good",)}, "symbol malformed:  no good"),
    ],
    ids=str,
)
def test_options_that_make_no_market(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        MarketOptions(**{"symbols": SYMBOLS, **options})


def deliver(feed: SyntheticFeed, symbols: tuple[str, ...] = (), close_after: int | None = None) -> list[Any]:
    async def run() -> list[Any]:
        await feed.connect()
        await feed.subscribe(symbols)
        batches: list[Any] = []
        async for batch in feed:
            batches.append(batch)
            if close_after is not None and sum(len(b.ticks) for b in batches) >= close_after:
                await feed.close()
        return batches

    return asyncio.run(run())


def test_the_feed_ends_after_its_limit_and_stamps_arrivals() -> None:
    batches = deliver(SyntheticFeed(MarketOptions(SYMBOLS, rate=100.0), limit=2500, clock=ManualClock(NOW)))
    ticks = [tick for batch in batches for tick in batch.ticks]
    assert len(ticks) == 2500
    assert batches[-1].fraction == 1.0
    delays = [tick["ingest_time"] - tick["event_time"] for tick in ticks]
    assert min(delays) >= -2
    assert max(delays) <= 10_000


def test_the_feed_delivers_only_what_is_subscribed() -> None:
    feed = SyntheticFeed(MarketOptions(SYMBOLS), limit=3000, clock=ManualClock(NOW))
    symbols = {tick["symbol"] for batch in deliver(feed, ("SPY",)) for tick in batch.ticks}
    assert symbols == {"SPY"}
    with pytest.raises(InvalidInputError, match="not traded on this made-up market: TSLA"):
        deliver(SyntheticFeed(MarketOptions(SYMBOLS)), ("TSLA",))


def test_closing_ends_the_feed() -> None:
    batches = deliver(SyntheticFeed(MarketOptions(SYMBOLS), clock=ManualClock(NOW)), close_after=500)
    assert 500 <= sum(len(batch.ticks) for batch in batches) < 1500


def test_the_past_comes_first_and_has_the_volume_and_prices_of_the_present() -> None:
    options = MarketOptions(SYMBOLS, rate=50.0, history_minutes=600)
    batches = deliver(SyntheticFeed(options, limit=50 * 60 * 20, clock=ManualClock(NOW)))
    ticks = [tick for batch in batches for tick in batch.ticks]
    past = [tick for tick in ticks if tick["event_time"] < NOW]
    live = ticks[len(past) :]
    assert past == ticks[: len(past)]
    assert len(past) == 600 * 10 * len(SYMBOLS)
    assert NOW - 600 * 60_000_000 <= past[0]["event_time"] <= past[-1]["event_time"]
    assert all(refusal(tick) is None for tick in past)
    volume_a_minute = [sum(tick["size"] for tick in some) / minutes for some, minutes in ((past, 600), (live, 20))]
    assert volume_a_minute[0] == pytest.approx(volume_a_minute[1], rel=0.75)  # what the time of day makes of it
    for symbol in SYMBOLS:
        last, first = (next(t for t in some if t["symbol"] == symbol) for some in (reversed(past), live))
        assert first["price"] == pytest.approx(last["price"], rel=0.1)
        assert first["sequence"] == last["sequence"] + 1


def test_the_past_may_begin_at_an_instant() -> None:
    opening = datetime.fromtimestamp(NOW / 1e6, UTC).replace(second=0, microsecond=0) - timedelta(minutes=90)
    feed = SyntheticFeed(MarketOptions(SYMBOLS), limit=10, clock=ManualClock(NOW), since=opening)
    events = [tick["event_time"] for batch in deliver(feed) for tick in batch.ticks]
    first = round(opening.timestamp() * 1e6)
    assert first <= events[0] < first + 60_000_000, "the first of about thirty ticks a minute"
    assert len(events) > 90 * 10 * len(SYMBOLS)
    with pytest.raises(InvalidInputError, match="minutes of history, 0 or more"):
        deliver(SyntheticFeed(MarketOptions(SYMBOLS), clock=ManualClock(NOW), since=opening + timedelta(days=1)))


def test_closing_ends_the_past_too() -> None:
    options = MarketOptions(SYMBOLS, history_minutes=600)
    batches = deliver(SyntheticFeed(options, clock=ManualClock(NOW)), close_after=1)
    assert len(batches) == 1


def test_quotes_come_with_the_ticks_that_met_them() -> None:
    options = MarketOptions(SYMBOLS, rate=100.0, late_share=0.2, history_minutes=30)
    feed = SyntheticFeed(options, limit=2000, clock=ManualClock(NOW), quotes=True)
    batches = deliver(feed, ("AAPL", "SPY"))
    ticks = [tick for batch in batches for tick in batch.ticks]
    quotes = {(quote["symbol"], quote["sequence"]): quote for batch in batches for quote in batch.quotes}
    in_time = [tick for tick in ticks if "Z" not in tick["conditions"]]
    assert quotes.keys() == {(tick["symbol"], tick["sequence"]) for tick in in_time}
    assert {symbol for symbol, _ in quotes} == {"AAPL", "SPY"}
    for tick in in_time:
        quote = quotes[tick["symbol"], tick["sequence"]]
        assert quote.keys() <= set(QUOTE.schema.names)
        assert quote_refusal(quote) is None
        assert (quote["event_time"], quote["ingest_time"]) == (tick["event_time"] - 1_000, tick["ingest_time"])
        assert quote["bid"] <= tick["price"] <= quote["ask"]


def test_nobody_gets_quotes_who_did_not_ask_for_them() -> None:
    options = MarketOptions(SYMBOLS, history_minutes=1)
    batches = deliver(SyntheticFeed(options, limit=100, clock=ManualClock(NOW)))
    assert not [quote for batch in batches for quote in batch.quotes]
