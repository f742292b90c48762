"""What `--symbols` says each feed is to deliver."""

from __future__ import annotations

from collections.abc import Sequence

from mdstream.cli.symbols import listed
from mdstream.errors import InvalidInputError
from mdstream.extensions import FEEDS


def symbols_of_feeds(symbols: str | None, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return what `--symbols` says each feed is to deliver: nothing where it says nothing.

    Raises:
        InvalidInputError: A feed is named that does not run, or it is not clear which feed a symbol is for.

    Example:
        >>> symbols_of_feeds("binance=BTCUSDT,ETHUSDT,fmp=AAPL", ["binance", "fmp"])["binance"]
        ('BTCUSDT', 'ETHUSDT')
    """
    installed = FEEDS.installed()
    common: list[str] = []
    own: dict[str, list[str]] = {}
    into = common
    for entry in listed(symbols):
        name, _, rest = entry.partition("=")
        # An equals sign may also be a part of a symbol.
        if rest and name in installed:
            if name not in names:
                raise InvalidInputError(f"--symbols has some for {name}, which is not among the feeds")
            into = own.setdefault(name, [])
            into.append(rest)
        else:
            into.append(entry)
    if common and own:
        raise InvalidInputError(
            f"--symbols does not say which feed {common[0]} is for; expected either one list for all feeds, or "
            "binance=BTCUSDT,massive=AAPL,MSFT"
        )
    return {name: tuple(own.get(name, common)) for name in names}
