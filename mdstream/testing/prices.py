"""Prices of a made-up market between its trades: how they move, together and apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mdstream.testing.instruments import Instrument

Floats = npt.NDArray[np.float64]

SESSION_SECONDS = 6.5 * 3600
"""Length of a day of shares."""

STEP_SECONDS = 2.0
"""How far apart prices are made."""

_DAY_OF_COINS = 86_400.0
_PARTS = ((3 * SESSION_SECONDS, 0.75), (1800.0, 0.26), (150.0, 0.15))
"""A price strays from where it started in three ways, each pulled back within its own time (in seconds), with a
standard deviation that is a share of the day's: news that last, flows of the hour, and the minute's liquidity."""

_MOODS = (1800.0, 0.35)
"""How lively a symbol is: a factor whose logarithm changes within this time, by so much."""

_NEWS_AN_HOUR = 1.0
_MOST_NEWS_OF_ONE = 0.25
_SURPRISE = (0.6, 1.4)
"""How far news moves a price, in days' moves."""

_NIGHT = 0.5
"""Share of a day's move by which shares open elsewhere than they closed."""

_EXCITEMENT_SECONDS = 120.0
_ROWS = 256
_MOST_CELLS = 200_000


def session_shape(seconds: Floats) -> Floats:
    """Return how much is going on at these seconds behind an opening: most at open and close; 1 on average."""
    return 0.5 + 1.5 * (2 * (seconds % SESSION_SECONDS) / SESSION_SECONDS - 1) ** 2


class Prices:
    """Prices of instruments over time, on a grid of two seconds that is made as far as it is asked for.

    Args:
        instruments: What is traded.
        random: Where chance comes from.
        start: Second from which on prices are asked for; the first session opens at second 0.
    """

    def __init__(self, instruments: Sequence[Instrument], random: np.random.Generator, start: float) -> None:
        self._random = random
        self._is_coin = np.array([each.is_coin for each in instruments])
        self._opening = np.log([each.price for each in instruments])
        self._volatility = np.array([each.volatility for each in instruments])
        # A coin has its day's move within 24 hours.
        self._scale = self._volatility * np.where(self._is_coin, np.sqrt(SESSION_SECONDS / _DAY_OF_COINS), 1.0)
        self._correlation = np.array([each.correlation for each in instruments])
        count = len(instruments)
        self._strayed = np.zeros((len(_PARTS), count))
        self._mood = np.zeros(count)
        self._calm = np.zeros(count)
        self._news = min(_NEWS_AN_HOUR, _MOST_NEWS_OF_ONE * count) / 3600 * STEP_SECONDS
        self._begin = start
        self._levels = self._opening[np.newaxis]
        self._lively = np.ones((1, count))
        self._excited = np.zeros((1, count))

    def reach(self, first: float, last: float) -> None:
        """Make prices up to a second, and forget those before `first`."""
        missing = int((last - self._begin) / STEP_SECONDS) + 2 - len(self._levels)
        if missing <= 0:
            return
        old = min(int((first - self._begin) / STEP_SECONDS), len(self._levels) - 1)
        self._begin += old * STEP_SECONDS
        parts = [[rows[old:]] for rows in (self._levels, self._lively, self._excited)]
        rows = max(min(_ROWS, _MOST_CELLS // len(self._opening)), 1)
        made = len(self._levels) - old
        for _ in range(0, missing, rows):
            for part, more in zip(parts, self._made(rows, self._begin + made * STEP_SECONDS), strict=True):
                part.append(more)
            made += rows
        self._levels, self._lively, self._excited = (np.concatenate(part) for part in parts)

    def at(self, seconds: Floats, symbols: npt.NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
        """Return logarithm of the price, liveliness and excitement of symbols at seconds that were reached."""
        place = (seconds - self._begin) / STEP_SECONDS
        row = place.astype(np.intp)
        part = place - row
        level = self._levels[row, symbols] * (1 - part) + self._levels[row + 1, symbols] * part
        return level, self._lively[row, symbols], self._excited[row, symbols]

    def excitement(self, seconds: Floats) -> tuple[Floats, npt.NDArray[np.intp]]:
        """Return how much news there is at ascending seconds that were reached, 1 right behind it.

        Returns:
            A row for each step of time with a column for each symbol, and the row of each second.
        """
        row = ((seconds - self._begin) / STEP_SECONDS).astype(np.intp)
        return self._excited[row[0] : row[-1] + 1], row - row[0]

    def open_again(self, start: float) -> None:
        """Let a night pass over the shares: they open elsewhere, at a second that is a session's first."""
        self._begin = start
        night = self._together(1)[0] * self._volatility
        self._strayed[0] += np.where(self._is_coin, 0.0, _NIGHT * night)
        self._levels = (self._opening + self._strayed.sum(axis=0))[np.newaxis]
        self._lively, self._excited = np.exp(self._mood)[np.newaxis], self._calm[np.newaxis]

    def _made(self, rows: int, start: float) -> tuple[Floats, Floats, Floats]:
        random, count = self._random, len(self._opening)
        moods = random.standard_normal((rows, count)) * _innovation(_MOODS[0]) * _MOODS[1]
        self._mood, mood = _pulled_back(self._mood, moods, _MOODS[0])
        lively = np.exp(mood - _MOODS[1] ** 2 / 2)
        shape = session_shape(start + STEP_SECONDS * np.arange(rows, dtype=np.float64))[:, np.newaxis]
        scale = self._scale * lively * np.where(self._is_coin, 1.0, np.sqrt(shape))
        news, surprises = self._news_within(rows)
        self._calm, excited = _pulled_back(self._calm, news, _EXCITEMENT_SECONDS)
        levels = np.broadcast_to(self._opening, (rows, count)).copy()
        for number, (seconds, share) in enumerate(_PARTS):
            steps = self._together(rows) * scale * share * _innovation(seconds)
            if number == 0:
                steps += surprises
            self._strayed[number], strayed = _pulled_back(self._strayed[number], steps, seconds)
            levels += strayed
        return levels, lively, excited

    def _news_within(self, rows: int) -> tuple[Floats, Floats]:
        """Return which news there is, 1 each, and how far it moves the logarithm of the price."""
        random, shape = self._random, (rows, len(self._opening))
        news, surprises = np.zeros(shape), np.zeros(shape)
        count = random.poisson(self._news * rows)
        where = random.integers(rows, size=count), random.integers(shape[1], size=count)
        news[where] = 1.0
        surprises[where] = random.choice((-1.0, 1.0), count) * random.uniform(*_SURPRISE, count)
        return news, surprises * self._volatility

    def _together(self, rows: int) -> Floats:
        """Return steps of standard deviation 1, correlated as the instruments are."""
        shares, coins = self._random.standard_normal((2, rows, 1))
        market = np.where(self._is_coin, 0.3 * shares + np.sqrt(1 - 0.3**2) * coins, shares)
        own = self._random.standard_normal((rows, len(self._opening)))
        steps: Floats = self._correlation * market + np.sqrt(1 - self._correlation**2) * own
        return steps


def _innovation(seconds: float) -> float:
    """Return the step of a process with standard deviation 1 that is pulled back within so many seconds."""
    return float(np.sqrt(1 - np.exp(-2 * STEP_SECONDS / seconds)))


def _pulled_back(before: Floats, steps: Floats, seconds: float) -> tuple[Floats, Floats]:
    """Return where a process is last, and where at each row: y[k] = a y[k - 1] + step[k]."""
    decay = np.exp(-STEP_SECONDS / seconds * np.arange(1, len(steps) + 1))[:, np.newaxis]
    path = decay * (before + np.cumsum(steps / decay, axis=0))
    return path[-1], path
