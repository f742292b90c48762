"""Asks for the newest bars of each symbol in turn, as often as the account allows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, time, timedelta

import httpx

from mdstream.errors import FeedError, InvalidInputError, MdstreamError
from mdstream.feeds.alphavantage.account import AlphaVantageAccount, Quota
from mdstream.feeds.alphavantage.answers import EASTERN, read_answer
from mdstream.feeds.alphavantage.client import ask, open_client
from mdstream.feeds.alphavantage.failures import LaterError, NotEntitledError, QuotaSpentError
from mdstream.feeds.base import FeedBatch, WireTick
from mdstream.feeds.pacing import Clock, SystemClock
from mdstream.feeds.redaction import redacted, redacted_reject
from mdstream.feeds.rejects import Reject
from mdstream.feeds.supervision import Backoff, FeedCounts, Supervision
from mdstream.feeds.validation import MAX_FUTURE_SKEW, refusal, shown_time, symbol_refusal
from mdstream.schemas.wire import encode, from_micros

NAME = "alphavantage"

_MOST_SHOWN = 500
_SETTLING_MICROS = 10_000_000
"""How long a bar may still change when its minute is over."""

logger = logging.getLogger(__name__)


class AlphaVantageFeed:
    """Minute bars as ticks, see `read_answer`; what is newer than the newest bar there was at the start.

    A bar is delivered once, when its minute is over. A failed call is made again after a wait that grows; when the
    day's calls are used up, the feed waits for the next day.

    Args:
        account: Who asks, and how often.
        supervision: Waits and timeouts.
        max_future_skew: How far event time may be ahead of ours.
        clock: Time; tests bring their own.
        nonpositive_prices: Whether prices may be zero or less.
    """

    def __init__(
        self,
        account: AlphaVantageAccount,
        supervision: Supervision | None = None,
        max_future_skew: timedelta = MAX_FUTURE_SKEW,
        clock: Clock | None = None,
        *,
        nonpositive_prices: bool = False,
    ) -> None:
        self.counts = FeedCounts()
        self._account = account
        self._supervision = supervision or Supervision()
        self._max_future_skew = max_future_skew
        self._nonpositive_prices = nonpositive_prices
        self._clock = clock or SystemClock()
        self._quota = Quota(account)
        self._backoff = Backoff(self._supervision)
        self._due: dict[str, float] = {}
        self._newest: dict[str, int] = {}
        self._refused: dict[str, frozenset[bytes]] = {}
        self._not_before = 0.0
        self._has_gap: set[str] = set()
        self._takes_full_answers = True
        self._closing = asyncio.Event()
        self._asking: asyncio.Task[bytes] | None = None

    @property
    def name(self) -> str:
        """What `source` says in ticks and dead letters."""
        return NAME

    @property
    def queued(self) -> int:
        """Nothing waits: what was asked for is taken before the next call."""
        return 0

    async def connect(self) -> None:
        """Do nothing yet: each call is a connection of its own."""

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Ask for these symbols too, from now on.

        Raises:
            InvalidInputError: There are none, or they can be no symbols.
        """
        reason = next(filter(None, map(symbol_refusal, symbols)), None)
        if reason is not None:
            raise InvalidInputError(f"alphavantage cannot deliver that: {reason}")
        self._due = {**dict.fromkeys(symbols, 0.0), **self._due}
        if not self._due:
            raise InvalidInputError("alphavantage is asked for each symbol, and none was named: --symbols IBM,MSFT")
        interval = self._account.interval(len(self._due))
        if interval > self._account.poll_seconds:
            logger.warning(
                "alphavantage: each of %d symbols is asked for every %s: feeds.alphavantage.calls_per_minute is %d, "
                "calls_per_day %s",
                len(self._due),
                timedelta(seconds=round(interval)),
                self._account.calls_per_minute,
                self._account.calls_per_day,
            )

    async def __aiter__(self) -> AsyncIterator[FeedBatch]:
        """Deliver what is new in each answer, until the feed is closed or we are refused for good."""
        account = self._account
        async with open_client(account.url, account.api_key, self._supervision.open_within) as client:
            while not self._closing.is_set():
                symbol = min(self._due, key=lambda symbol: self._due[symbol])
                due = max(self._due[symbol], self._not_before, self._quota.next_call_at())
                if (wait := due - self._clock.seconds()) > 0:
                    await self._clock.wait(wait, self._closing)
                    continue
                batch = await self._poll(client, symbol)
                if batch.ticks or batch.rejects:
                    yield batch

    async def close(self) -> None:
        """End the iteration; a call that is under way is given up."""
        self._closing.set()
        if self._asking is not None:
            self._asking.cancel()

    async def _poll(self, client: httpx.AsyncClient, symbol: str) -> FeedBatch:
        """Make one call, and return what is new in its answer."""
        self._quota.spend(self._clock.seconds())
        try:
            answer = read_answer(await self._answer(client, symbol), symbol)
        except asyncio.CancelledError:
            if not self._closing.is_set():
                raise
            return FeedBatch(())
        except MdstreamError as exc:
            self._react(exc, symbol)
            return FeedBatch(())
        now = self._clock.seconds()
        self._backoff.delivered(now)
        self._due[symbol] = now + self._account.interval(len(self._due))
        return self._new_in(answer, symbol)

    def _react(self, failure: MdstreamError, symbol: str) -> None:
        """Wait, leave out what cannot be had, or give up.

        Raises:
            FeedError: We are refused for good, or there is no symbol left to ask for.
        """
        if isinstance(failure, LaterError):
            self._pause(max(failure.seconds, self._backoff.next_wait()), failure)
        elif isinstance(failure, QuotaSpentError):
            self._pause(self._seconds_to_next_day(), failure)
        elif isinstance(failure, NotEntitledError) and symbol in self._has_gap:
            self._takes_full_answers = False
            self._has_gap.clear()
            logger.warning("%s; of each symbol only the newest bars of an answer are there", self._shown(failure))
        elif isinstance(failure, InvalidInputError):
            self._drop(symbol, failure)
        else:
            # The chain of errors would show the key.
            raise FeedError(self._shown(failure)) from None

    async def _answer(self, client: httpx.AsyncClient, symbol: str) -> bytes:
        parameters = {
            "function": "TIME_SERIES_INTRADAY",
            "symbol": symbol,
            "interval": "1min",
            # Else prices of the past change with every split and dividend.
            "adjusted": "false",
            "outputsize": "full" if symbol in self._has_gap else "compact",
        }
        if self._account.entitlement:
            parameters["entitlement"] = self._account.entitlement
        self._asking = asyncio.create_task(ask(client, parameters))
        try:
            return await self._asking
        finally:
            self._asking = None

    def _new_in(self, answer: FeedBatch, symbol: str) -> FeedBatch:
        """Return what of an answer was not delivered yet, as ticks that have been checked."""
        received = self._clock.micros()
        seen = self._refused.get(symbol, frozenset())
        rejects = [reject for reject in answer.rejects if reject.payload not in seen]
        self._refused[symbol] = frozenset(reject.payload for reject in answer.rejects)
        ticks: list[WireTick] = []
        for tick in self._new_ticks(answer, symbol, received):
            tick["ingest_time"] = received
            tick["source"] = NAME
            reason = refusal(tick, max_future_skew=self._max_future_skew, nonpositive_prices=self._nonpositive_prices)
            if reason is None:
                ticks.append(tick)
            else:
                rejects.append(Reject(reason, encode(tick)))
        self.counts.frames += 1
        self.counts.ticks += len(ticks)
        return FeedBatch(ticks, [redacted_reject(reject, self._secrets) for reject in rejects])

    def _new_ticks(self, answer: FeedBatch, symbol: str, received: int) -> list[WireTick]:
        complete = [tick for tick in answer.ticks if tick["event_time"] + _SETTLING_MICROS < received]
        newest = self._newest.get(symbol)
        if newest is None:
            if complete or not answer.rejects:
                self._newest[symbol] = complete[-1]["event_time"] if complete else received
                logger.info("%s: bars from %s on are delivered", symbol, shown_time(self._newest[symbol] + 1))
            return []
        if not complete:
            return []
        if complete[0]["event_time"] > newest and self._takes_full_answers and symbol not in self._has_gap:
            # More came since the last call than a short answer holds.
            self._has_gap.add(symbol)
            self._due[symbol] = self._clock.seconds()
            return []
        self._has_gap.discard(symbol)
        self._newest[symbol] = max(newest, complete[-1]["event_time"])
        return [tick for tick in complete if tick["event_time"] > newest]

    def _pause(self, seconds: float, reason: Exception) -> None:
        self._backoff.opened()
        self._not_before = self._clock.seconds() + seconds
        logger.warning("alphavantage: %s; asking again in %.0f s", self._shown(reason), seconds)

    def _seconds_to_next_day(self) -> float:
        # When the day starts is not documented; Alpha Vantage lives by Eastern time.
        now = from_micros(self._clock.micros()).astimezone(EASTERN)
        midnight = datetime.combine(now.date() + timedelta(days=1), time(), EASTERN)
        return midnight.timestamp() - now.timestamp()

    def _drop(self, symbol: str, reason: InvalidInputError) -> None:
        """Ask for a symbol no more that cannot be had."""
        del self._due[symbol]
        if not self._due:
            raise FeedError(f"{self._shown(reason)}; there is no other symbol to ask for")
        logger.error("%s; it is left out", self._shown(reason))

    def _shown(self, error: Exception) -> str:
        # Alpha Vantage likes to repeat our key. What is cut off comes after it is gone.
        return redacted(str(error), self._secrets)[:_MOST_SHOWN]

    @property
    def _secrets(self) -> tuple[str, ...]:
        return (self._account.api_key.get_secret_value(),)
