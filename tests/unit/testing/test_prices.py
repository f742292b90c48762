"""The made-up market's prices move as those of a market do: figures of real ones, and TA-Lib's RSI."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import talib

from mdstream.testing import KNOWN_SYMBOLS, instrument
from mdstream.testing.prices import SESSION_SECONDS, Floats, Prices, session_shape

DAYS = 15
INSTRUMENTS = [instrument(symbol) for symbol in KNOWN_SYMBOLS]
SHARES = [place for place, each in enumerate(INSTRUMENTS) if not each.is_coin]
MINUTES = np.arange(0.0, SESSION_SECONDS, 60.0)


class Closes(NamedTuple):
    """Logarithms of prices a minute apart, a row a minute and a column a symbol, for each day."""

    of_days: list[Floats]

    def moves(self) -> Floats:
        return np.concatenate([np.diff(day, axis=0) for day in self.of_days])


@pytest.fixture(scope="module")
def closes() -> Closes:
    prices = Prices(INSTRUMENTS, np.random.default_rng(5), 0.0)
    every = np.arange(len(INSTRUMENTS))
    days = []
    for day in range(DAYS):
        start = day * SESSION_SECONDS
        if day:
            prices.open_again(start)
        prices.reach(start, start + SESSION_SECONDS)
        days.append(np.stack([prices.at(np.full(len(every), start + minute), every)[0] for minute in MINUTES]))
    return Closes(days)


def test_shares_move_by_half_a_percent_to_three_a_day(closes: Closes) -> None:
    of_days = np.array([day[-1] - day[0] for day in closes.of_days])[:, SHARES].std(axis=0)
    assert 0.005 < np.median(of_days) < 0.03
    assert (of_days > 0.002).all()
    assert (of_days < 0.06).all()
    ratio = of_days / [INSTRUMENTS[place].volatility for place in SHARES]
    assert ratio.mean() == pytest.approx(1, abs=0.3)


def test_prices_stay_where_they_might_be(closes: Closes) -> None:
    last = np.exp(closes.of_days[-1][-1] - np.log([each.price for each in INSTRUMENTS]))
    assert (last > 0.7).all()
    assert (last < 1.4).all()


def test_shares_move_together_and_coins_apart_from_them(closes: Closes) -> None:
    together = np.atleast_2d(np.corrcoef(closes.moves().T))
    place = {symbol: number for number, symbol in enumerate(KNOWN_SYMBOLS)}
    assert together[place["AAPL"], place["MSFT"]] > 0.3
    assert together[place["SPY"], place["QQQ"]] > 0.6
    assert together[place["BTCUSDT"], place["ETHUSDT"]] > 0.4
    assert together[place["AAPL"], place["BTCUSDT"]] < 0.35


def test_the_rsi_is_mostly_between_30_and_70(closes: Closes) -> None:
    values = np.concatenate([talib.RSI(np.exp(day[:, place]), 14) for day in closes.of_days for place in SHARES])
    values = values[~np.isnan(values)]
    assert np.mean((values > 30) & (values < 70)) > 0.97
    assert values.std() > 4


def test_the_day_is_liveliest_at_its_ends(closes: Closes) -> None:
    moves = np.abs(np.array([np.diff(day, axis=0) for day in closes.of_days])[:, :, SHARES]).mean(axis=(0, 2))
    fifths = [part.mean() for part in np.array_split(moves, 5)]
    assert fifths[0] > 1.2 * fifths[2] < fifths[4]
    assert session_shape(np.arange(0.0, SESSION_SECONDS)).mean() == pytest.approx(1, abs=1e-3)


def test_a_night_moves_shares_alone(closes: Closes) -> None:
    before, after = closes.of_days[0][-1], closes.of_days[1][0]
    gaps = np.abs(after - before)
    is_coin = np.array([each.is_coin for each in INSTRUMENTS])
    assert gaps[~is_coin].mean() > 2 * gaps[is_coin].mean()
