"""What a made-up market is like."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mdstream.errors import InvalidInputError
from mdstream.schemas.limits import SYMBOL_PATTERN, Reason


@dataclass(frozen=True)
class MarketOptions:
    """What the made-up market is like.

    Attributes:
        symbols: What is traded; the first ones most.
        rate: Ticks a second over all symbols, on average.
        seed: The same seed gives the same ticks, but for the time at which they begin.
        late_share: Share of ticks that are reported late, 20 seconds on average, 10 minutes at most.
        duplicate_share: Share of ticks that are sent twice.
        cancelled_share: Share of ticks that are marked as cancelled.
        history_minutes: So long before the feed starts the market opens. Its ticks until then come at once: few and
            large ones, so that bars have the volume they would have, and charts and indicators begin with a past.

    Raises:
        InvalidInputError: No usable symbols, a rate that is not positive, a share outside 0 to 1, or a history
            shorter than nothing.

    Example:
        >>> MarketOptions(symbols=("AAPL", "MSFT"), rate=50.0).seed
        0
    """

    symbols: tuple[str, ...]
    rate: float = 1000.0
    seed: int = 0
    late_share: float = 0.0
    duplicate_share: float = 0.0
    cancelled_share: float = 0.0
    history_minutes: float = 0

    def __post_init__(self) -> None:
        if not self.symbols or len(set(self.symbols)) < len(self.symbols):
            raise InvalidInputError(f"expected different symbols, found: {', '.join(self.symbols) or 'none'}")
        for symbol in self.symbols:
            if not re.fullmatch(SYMBOL_PATTERN, symbol):
                raise InvalidInputError(Reason.MALFORMED.of("symbol", symbol))
        if not 0 < self.rate < float("inf"):
            raise InvalidInputError(f"expected a positive number of ticks a second, found {self.rate}")
        for share in (self.late_share, self.duplicate_share, self.cancelled_share):
            if not 0 <= share <= 1:
                raise InvalidInputError(f"expected a share between 0 and 1, found {share}")
        if self.history_minutes < 0:
            raise InvalidInputError(f"expected minutes of history, 0 or more, found {self.history_minutes}")
