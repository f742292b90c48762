"""Made-up quotes: those that made-up ticks met."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mdstream.feeds.validation import quote_refusal
from mdstream.schemas import QUOTE
from mdstream.schemas.wire import to_micros
from mdstream.testing import made_up_quotes, made_up_ticks

DAY = date(2026, 3, 6)


@pytest.fixture(scope="module")
def market() -> tuple[pa.Table, pa.Table]:
    ticks, quotes = (
        make(["AAPL", "BTCUSDT", "PENNY"], DAY, ticks_a_minute=6, late_share=0.05, halts=1, seed=3)
        for make in (made_up_ticks, made_up_quotes)
    )
    return ticks, quotes


def test_every_quote_is_usable_and_in_the_order_of_arrival(market: tuple[pa.Table, pa.Table]) -> None:
    _, quotes = market
    assert quotes.schema == QUOTE.schema
    for row in quotes.to_pylist():
        times = {name: to_micros(row[name]) for name in ("event_time", "ingest_time")}
        assert quote_refusal(row | times) is None
        assert times["event_time"] < times["ingest_time"]
    arrivals = quotes["ingest_time"].to_pylist()
    assert arrivals == sorted(arrivals)


def test_a_tick_is_at_the_bid_at_the_ask_or_in_the_middle_of_its_quote(market: tuple[pa.Table, pa.Table]) -> None:
    ticks, quotes = (side.to_pandas() for side in market)
    ticks = ticks[["Z" not in codes for codes in ticks["conditions"]]]
    both = ticks.merge(quotes, on=["symbol", "sequence"], validate="one_to_one")
    assert len(both) == len(ticks) == len(quotes)
    assert (both["event_time_x"] - both["event_time_y"] == pd.Timedelta(milliseconds=1)).all()
    place = (2 * both["price"] - both["bid"] - both["ask"]) / (both["ask"] - both["bid"])
    counts = place.round(6).value_counts(normalize=True)
    assert sorted(counts.index) == [-1.0, 0.0, 1.0]
    assert counts.to_numpy() == pytest.approx(1 / 3, abs=0.02)
    # Both sides as far as the market's spread says, a cent at least, but for rounding.
    middle = (both["bid"] + both["ask"]) / 2
    half = np.maximum(np.round(3e-5 * middle, 2), 0.01)
    assert ((both["ask"] - both["bid"]) / 2).to_numpy() == pytest.approx(half.to_numpy(), abs=0.0101)


def test_another_seed_makes_other_quotes() -> None:
    first, same, other = (made_up_quotes(["AAPL"], DAY, seed=seed) for seed in (1, 1, 2))
    assert first.equals(same)
    assert not first.equals(other)
    assert made_up_quotes(["AAPL"], date(2026, 3, 7)).num_rows == 0, "Saturday"
