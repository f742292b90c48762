"""Who asks, and how often that is allowed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from pydantic import SecretStr

from mdstream.errors import InvalidInputError

KEY_VARIABLE = "MDSTREAM_FEEDS__ALPHAVANTAGE__API_KEY"
"""Environment variable that holds the API key."""

_DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class AlphaVantageAccount:
    """A key and what its plan allows.

    Attributes:
        api_key: The account's key.
        calls_per_minute: Most calls a minute; they are spread over it.
        calls_per_day: Most calls in 24 hours; None for no limit.
        entitlement: `realtime` or `delayed` data, which are premium; empty for those of the day before.
        poll_seconds: How often each symbol is asked for, where the other limits allow it.
        url: Where to ask.
    """

    api_key: SecretStr
    calls_per_minute: int = 5
    calls_per_day: int | None = 25
    entitlement: str = ""
    poll_seconds: float = 60.0
    url: str = "https://www.alphavantage.co/query"

    def __post_init__(self) -> None:
        if not self.api_key.get_secret_value():
            raise InvalidInputError(
                f"alphavantage needs an API key: set {KEY_VARIABLE} in the environment or .env; a free one is at "
                "www.alphavantage.co/support/#api-key"
            )

    def interval(self, symbols: int) -> float:
        """Return how many seconds lie between two calls for the same symbol, so that a day's calls last for the day.

        Example:
            >>> AlphaVantageAccount(SecretStr("key")).interval(symbols=5) / 3600
            4.8
        """
        by_minute = symbols * 60.0 / self.calls_per_minute
        by_day = symbols * _DAY_SECONDS / self.calls_per_day if self.calls_per_day else 0.0
        return max(self.poll_seconds, by_minute, by_day)


class Quota:
    """Keeps calls within what an account allows, whatever they are made for.

    Args:
        account: What is allowed.
    """

    def __init__(self, account: AlphaVantageAccount) -> None:
        self._spacing = 60.0 / account.calls_per_minute
        self._most = account.calls_per_day
        self._calls: deque[float] = deque(maxlen=self._most or 1)

    def next_call_at(self) -> float:
        """Return the first moment, in the seconds of `spend`, at which a call is allowed."""
        if not self._calls:
            return 0.0
        spaced = self._calls[-1] + self._spacing
        if self._most and len(self._calls) == self._most:
            # The day of the vendor starts at a time that it does not tell: any 24 hours hold no more than allowed.
            return max(spaced, self._calls[0] + _DAY_SECONDS)
        return spaced

    def spend(self, now: float) -> None:
        """Take note of a call."""
        self._calls.append(now)
