"""How programs and vendors write files of trades: their columns, units and names, declared as data."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import pyarrow as pa

from mdstream.errors import InvalidInputError
from mdstream.feeds.columns import TimeForm
from mdstream.schemas import TICK
from mdstream.schemas.conditions import WHOLE_BAR
from mdstream.schemas.units import Unit

NEW_YORK = "America/New_York"
_ANY_NAME = ".*"
_KINDS: Mapping[str, pa.DataType] = MappingProxyType({each.name: each.type for each in TICK.schema})


@dataclass(frozen=True)
class Layout:
    """How one kind of file is written; the default is our own.

    Attributes:
        name: What it is called, and what `source` says of its ticks; empty for our own.
        columns: Names of the columns by the fields of TICK that they hold; a field that is not named has its own name.
        positions: Names of the columns in their order, in files that have no header.
        times: What the times leave unsaid.
        price_parts: A whole number is a price in so many parts of the currency.
        rows: Pattern, by column, of the rows that are trades; the others are passed over.
        corrections: Column with the consolidated tape's indicator of a correction.
        conditions: Condition codes of every row.
        files: Pattern of the names of such files; its groups are `symbol`, `day` and `minutes` of a bar.
    """

    name: str = ""
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    positions: tuple[str, ...] = ()
    times: TimeForm = field(default_factory=TimeForm)
    price_parts: int = 1
    rows: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    corrections: str | None = None
    conditions: tuple[str, ...] = ()
    files: str = _ANY_NAME

    def column_of(self, tick_field: str) -> str:
        """Return the name of the column that holds a field of TICK."""
        return self.columns.get(tick_field, tick_field)

    @property
    def wanted(self) -> dict[str, pa.DataType]:
        """The columns that are read, and the types that they are read for."""
        wanted = {self.column_of(name): kind for name, kind in _KINDS.items()}
        others = [*self.rows, *([self.corrections] if self.corrections else [])]
        return wanted | {name: wanted.get(name, pa.string()) for name in others}


_BINANCE = Layout(
    name="binance",
    columns={"event_time": "time", "size": "qty", "trade_id": "id", "sequence": "id"},
    positions=("id", "price", "qty", "quote_qty", "time", "is_buyer_maker", "is_best_match"),
    # Spot files have microseconds from 2025 on.
    times=TimeForm(unit=Unit.MILLISECONDS, finer_unit=Unit.MICROSECONDS, finer_from=10**14),
    files=r"(?P<symbol>.+)-trades-\d{4}-\d{2}(?:-\d{2})?\..*",
)

LAYOUTS: Mapping[str, tuple[Layout, ...]] = MappingProxyType(
    {
        # Flat files of stocks; like the live feed's, times are those of the tape in whole milliseconds.
        "massive": (
            Layout(
                name="massive",
                columns={
                    "symbol": "ticker",
                    "event_time": "sip_timestamp",
                    "trade_id": "id",
                    "sequence": "sequence_number",
                },
                times=TimeForm(unit=Unit.NANOSECONDS, whole_millis=True),
                corrections="correction",
            ),
        ),
        # data.binance.vision: trades and aggregated trades; files of futures have a header and no last column.
        "binance": (
            _BINANCE,
            replace(_BINANCE, positions=_BINANCE.positions[:-1]),
            replace(
                _BINANCE,
                positions=("id", "price", "qty", "first_id", "last_id", "time", "is_buyer_maker", "is_best_match"),
                files=r"(?P<symbol>.+)-aggTrades-\d{4}-\d{2}(?:-\d{2})?\..*",
            ),
            replace(
                _BINANCE,
                positions=("id", "price", "qty", "first_id", "last_id", "time", "is_buyer_maker"),
                files=r"(?P<symbol>.+)-aggTrades-\d{4}-\d{2}(?:-\d{2})?\..*",
            ),
        ),
        # "Time and sales" of the support pages.
        "kraken": (
            Layout(
                name="kraken",
                columns={"event_time": "time", "size": "volume"},
                positions=("time", "price", "volume"),
                times=TimeForm(unit=Unit.SECONDS),
                files=r"(?P<symbol>[^.]+)\..*",
            ),
        ),
        # Bars of TIME_SERIES_INTRADAY with datatype=csv, taken as the feed takes them.
        "alphavantage": (
            Layout(
                name="alphavantage",
                columns={"event_time": "timestamp", "price": "close", "size": "volume"},
                times=TimeForm(zone=NEW_YORK, ahead_micros=60_000_000 - 1),
                rows={"volume": ".*[1-9].*"},
                conditions=(WHOLE_BAR,),
                files=r"(?:(?:.*_)?(?P<minutes>\d+)min_|.*_)?(?P<symbol>[^_]+?)\.csv.*",
            ),
        ),
        # Schema trades as CSV, with prices and times pretty or not; symbol with map_symbols.
        "databento": (
            Layout(
                name="databento",
                columns={"event_time": "ts_event", "exchange": "publisher_id"},
                times=TimeForm(unit=Unit.NANOSECONDS),
                price_parts=10**9,
                rows={"action": "T"},
                files=r"(?:.*\.trades\.(?P<symbol>.+)|.*)\.csv.*",
            ),
        ),
        # Message files: executions of visible (4) and hidden (5) orders, and crosses (6).
        "lobster": (
            Layout(
                name="lobster",
                columns={"event_time": "time"},
                positions=("time", "type", "order_id", "size", "price", "direction"),
                times=TimeForm(zone=NEW_YORK),
                price_parts=10_000,
                rows={"type": "[456]"},
                files=r"(?P<symbol>.+?)_(?P<day>\d{4}-\d{2}-\d{2})_\d+_\d+_message_\d+\..*",
            ),
        ),
    }
)
"""The layouts of each format that can be named, most often one."""


def nearest_format(names: Sequence[str]) -> str | None:
    """Return the format whose columns are most like these; None if none has two of what a tick needs.

    Example:
        >>> nearest_format(["ticker", "price", "size", "sip_timestamp"]), nearest_format(["a", "b"])
        ('massive', None)
    """
    found = set(names)
    needed = ("symbol", "price", "size", "event_time")
    alike = {
        name: len({layout.column_of(each) for each in needed} & found) + len({*layout.rows, layout.corrections} & found)
        for name, (layout, *_) in LAYOUTS.items()
    }
    best = max(alike, key=lambda name: alike[name])
    return best if alike[best] >= 2 else None


_OTHER_NAMES = {
    "symbol": ("ticker", "sym", "instrument", "pair", "code", "ric"),
    "price": ("last", "px", "tradeprice", "lastprice", "close", "p", "rate"),
    "size": ("qty", "quantity", "volume", "vol", "amount", "shares", "tradesize", "lastsize", "q", "v"),
    "event_time": ("ts", "time", "timestamp", "datetime", "date", "tradetime", "t", "eventtime"),
}


def likely_column(tick_field: str, names: Sequence[str]) -> str | None:
    """Return which of a file's columns may hold a field of a tick, by what it is called elsewhere; None if none.

    Example:
        >>> likely_column("price", ["Ticker", "Last Price"]), likely_column("size", ["Open"])
        ('Last Price', None)
    """
    plain = {re.sub(r"[\W_]", "", name).lower(): name for name in reversed(names)}
    known = (tick_field.replace("_", ""), *_OTHER_NAMES.get(tick_field, ()))
    alike = difflib.get_close_matches(known[0], plain, n=1)
    return next((plain[name] for name in (*known, *alike) if name in plain), None)


def layouts_of(name: str) -> tuple[Layout, ...]:
    """Return the layouts of a format.

    Raises:
        InvalidInputError: There is no such format.
    """
    if name not in LAYOUTS:
        raise InvalidInputError(f"there is no format '{name}'; known are: {', '.join(LAYOUTS)}")
    return LAYOUTS[name]


def is_file_of(layout: Layout, name: str) -> re.Match[str] | None:
    """Return how a file's name is made up, None if it is none of the layout's."""
    return re.fullmatch(layout.files, name, re.IGNORECASE)
