"""Ticks as a bad day brings them: out of order, late, cancelled, corrected, doubled, and some that are none."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from mdstream.schemas.wire import encode

SECOND = 1_000_000
HOUR = 3_600 * SECOND
PRICE_STEPS = 64
"""Prices are whole 64ths and sizes whole quarters: sums of their products are exact, in whatever order."""
SIZE_STEPS = 4

_RECENT = 40
_BAD: tuple[tuple[str, str], ...] = (
    ("not JSON", "no tick {number}"),
    ("not a JSON object", "[{number}]"),
    ("price not positive", '{{"symbol":"S00","price":-1.5,"size":1,"event_time":{now},"trade_id":"{number}"}}'),
    ("price missing", '{{"symbol":"S00","size":1,"event_time":{now},"trade_id":"{number}"}}'),
    ("symbol missing", '{{"price":1.5,"size":1,"event_time":{now},"trade_id":"{number}"}}'),
    (
        "event_time too far ahead of ingest_time",
        '{{"symbol":"S00","price":1.5,"size":1,"event_time":{ahead},"ingest_time":{now},"trade_id":"{number}"}}',
    ),
)


@dataclass(frozen=True)
class Draft:
    """What is to be sent.

    Attributes:
        key: Kafka's.
        value: Kafka's.
        tick: Its fields, if it is one.
        reason: Why it has to be refused, if it has to be.
    """

    key: str
    value: bytes
    tick: dict[str, Any] | None = None
    reason: str | None = None


class Tape:
    """Makes the ticks of some symbols; what it makes depends on the seed and the times it is asked at."""

    def __init__(self, seed: int, symbols: int) -> None:
        self._random = Random(f"tape {seed}")
        self.symbols = [f"S{number:02d}" for number in range(symbols)]
        self._prices = {symbol: PRICE_STEPS * self._random.randint(60, 200) for symbol in self.symbols}
        self._usual = dict(self._prices)
        self._spikes: dict[str, int] = {}
        self._recent: list[dict[str, Any]] = []
        self._skew = 0
        self._number = 0

    def next(self, now: int) -> list[Draft]:
        """Return what comes at this moment, epoch microseconds: usually one tick, and what goes with it."""
        self._number += 1
        draw = self._random.random()
        if draw < 0.003:
            return [self._bad(now)]
        if draw < 0.004:
            return self._again(now)
        if draw < 0.0045:
            # The sender's clock steps.
            self._skew = self._random.randint(-3 * SECOND, 3 * SECOND)
        tick = self._trade(now)
        if draw > 0.99:
            return [_draft({**tick, "conditions": ["@", "cancel"]})]
        if draw > 0.985:
            wrong = {**tick, "price": tick["price"] * 2, "conditions": ["correction:12", "cancel"]}
            return [_draft(wrong), _draft({**tick, "conditions": ["correction:1"]})]
        self._recent = [*self._recent[1 - _RECENT :], tick]
        return [_draft(tick)]

    def last(self, now: int) -> list[Draft]:
        """Return a tick of each symbol, which closes all bars before it."""
        return [_draft(self._fields(symbol, now, now)) for symbol in self.symbols]

    def _trade(self, now: int) -> dict[str, Any]:
        symbol = self._random.choice(self.symbols)
        behind = self._random.random()
        event_time = now + self._skew
        if behind < 0.05:
            event_time -= self._random.randint(0, SECOND // 2)
        elif behind < 0.07:
            event_time -= self._random.randint(SECOND, 40 * SECOND)
        elif behind < 0.0703:
            event_time -= self._random.randint(HOUR, 3 * HOUR)
        return self._fields(symbol, event_time, now)

    def _fields(self, symbol: str, event_time: int, now: int) -> dict[str, Any]:
        self._move(symbol)
        size = self._random.randint(1, 400 * SIZE_STEPS)
        if self._spikes.get(symbol, 0) > 0:
            size *= 25
        return {
            "symbol": symbol,
            "price": self._prices[symbol] / PRICE_STEPS,
            "size": size / SIZE_STEPS,
            "event_time": event_time,
            "ingest_time": now,
            "source": "chaos",
            "trade_id": str(self._number),
            # Half of the symbols have an order of their own, as some vendors give it.
            **({"sequence": self._number} if int(symbol[1:]) % 2 else {}),
        }

    def _move(self, symbol: str) -> None:
        """Walk at random around the usual price, now and then far from it for some trades."""
        left = self._spikes.get(symbol, 0)
        if left > 0:
            self._spikes[symbol] = left - 1
            if left == 1:
                self._prices[symbol] = self._usual[symbol]
        elif self._random.random() < 0.0004:
            self._spikes[symbol] = self._random.randint(5, 60)
            self._prices[symbol] = self._usual[symbol] * self._random.choice((88, 92, 108, 115)) // 100
        pull = (self._usual[symbol] - self._prices[symbol]) // 200 if left <= 0 else 0
        self._prices[symbol] += self._random.randint(-12, 12) + pull

    def _again(self, now: int) -> list[Draft]:
        """Return what a feed that has connected anew sends once more: other prints, though equal ones."""
        some = self._recent[-self._random.randint(1, _RECENT) :]
        return [_draft({**tick, "ingest_time": now}) for tick in some]

    def _bad(self, now: int) -> Draft:
        reason, form = self._random.choice(_BAD)
        text = form.format(number=self._number, now=now, ahead=now + HOUR)
        return Draft("S00", text.encode(), reason=reason)


def _draft(tick: dict[str, Any]) -> Draft:
    return Draft(tick["symbol"], encode(tick), tick)
