"""What is traded on the made-up market."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

_ENDINGS_OF_COINS = ("USDT", "USDC", "-USD")
_FRACTIONS_OF_A_COIN = 5


@dataclass(frozen=True)
class Instrument:
    """One share, fund or coin.

    Attributes:
        symbol: Its name.
        price: Where it starts, in its currency.
        volatility: Standard deviation of a day's move, from open to close, as a share of the price.
        correlation: With the market that it belongs to, 0 to 1.
        is_coin: Whether it trades all day and in fractions, and follows the market of coins.

    Example:
        >>> Instrument("MINE", price=20.0, volatility=0.01, correlation=0.5).usual_size
        100.0
    """

    symbol: str
    price: float
    volatility: float
    correlation: float
    is_coin: bool = False

    @property
    def usual_size(self) -> float:
        """Median size of a trade: 100 shares, or coins for about 500 of the currency."""
        return 500 / self.price if self.is_coin else 100.0

    @property
    def decimals_of_size(self) -> int:
        """Decimals that sizes have."""
        return _FRACTIONS_OF_A_COIN if self.is_coin else 0


_SHARES = {
    "AAPL": (230.0, 0.011, 0.75),
    "MSFT": (440.0, 0.010, 0.75),
    "GOOGL": (185.0, 0.013, 0.70),
    "AMZN": (215.0, 0.014, 0.70),
    "TSLA": (340.0, 0.024, 0.55),
    "NVDA": (135.0, 0.021, 0.65),
    "META": (600.0, 0.016, 0.65),
    "SPY": (590.0, 0.006, 0.95),
    "QQQ": (510.0, 0.008, 0.92),
    "AMD": (140.0, 0.021, 0.60),
    "AVGO": (220.0, 0.019, 0.60),
    "NFLX": (890.0, 0.016, 0.50),
    "JPM": (240.0, 0.010, 0.65),
    "BAC": (45.0, 0.012, 0.65),
    "V": (310.0, 0.008, 0.65),
    "WMT": (95.0, 0.008, 0.45),
    "COST": (930.0, 0.009, 0.50),
    "JNJ": (150.0, 0.007, 0.40),
    "LLY": (790.0, 0.014, 0.35),
    "UNH": (580.0, 0.012, 0.35),
    "XOM": (110.0, 0.011, 0.40),
    "KO": (63.0, 0.006, 0.45),
    "PEP": (155.0, 0.007, 0.45),
    "DIS": (110.0, 0.011, 0.60),
    "BA": (160.0, 0.017, 0.45),
    "INTC": (22.0, 0.018, 0.55),
    "F": (11.0, 0.014, 0.50),
}
_COINS = {
    "BTCUSDT": (97_000.0, 0.022, 0.90),
    "ETHUSDT": (3_300.0, 0.030, 0.85),
    "SOLUSDT": (190.0, 0.040, 0.75),
}
_KNOWN = {symbol: Instrument(symbol, *known) for symbol, known in _SHARES.items()} | {
    symbol: Instrument(symbol, *known, is_coin=True) for symbol, known in _COINS.items()
}

KNOWN_SYMBOLS = tuple(_KNOWN)
"""Well-known shares, funds and coins, at prices that they have had."""


def instrument(symbol: str, seed: int = 0) -> Instrument:
    """Return what trades under this symbol: a well-known one, or one made up for it, always the same.

    Args:
        symbol: Any.
        seed: Another one makes up others.

    Example:
        >>> instrument("AAPL").price, instrument("BTCUSDT").is_coin
        (230.0, True)
        >>> 10 <= instrument("ANY").price <= 500
        True
    """
    if symbol in _KNOWN:
        return _KNOWN[symbol]
    is_coin = symbol.endswith(_ENDINGS_OF_COINS)
    price, volatility, correlation = (_part(symbol, seed, of) for of in ("price", "volatility", "correlation"))
    return Instrument(
        symbol,
        price=float(10 * 50**price),
        volatility=(0.02 + 0.02 * volatility) if is_coin else (0.007 + 0.018 * volatility),
        correlation=0.3 + 0.5 * correlation,
        is_coin=is_coin,
    )


def _part(symbol: str, seed: int, of: str) -> float:
    """Return a number from 0 to 1 that depends on nothing else."""
    return zlib.crc32(f"{seed}:{symbol}:{of}".encode()) / 2**32
