"""What makes a tick or a quote usable: limits and the reasons for refusing, declared once for ingest and Spark.

The patterns use only what Python, RE2 (Arrow) and Java (Spark) read alike; each has to match the whole value.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

MAX_SYMBOL_CHARACTERS = 64
"""Longest symbol."""

_UNPRINTABLE = (
    "\x00-\x1f\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    "\ue000-\uf8ff\ufeff\ufff0-\uffff"
)
"""Characters that show nothing, or change how others are shown, and what bytes become that are not UTF-8."""

SYMBOL_PATTERN = (
    rf"(?:[^ *{_UNPRINTABLE}]|[^ {_UNPRINTABLE}][^{_UNPRINTABLE}]{{0,{MAX_SYMBOL_CHARACTERS - 2}}}[^ {_UNPRINTABLE}])"
)
"""A symbol as venues write them, e.g. `BRK.B`, `^GSPC`, `M&M`, `EUR/USD`: printable, without blanks at its ends.

Options of the OCC have blanks within; `*` alone stands for all symbols."""

MAX_TEXT_CHARACTERS = 128
"""Longest optional text."""

TEXT_PATTERN = rf"[^\x00-\x1F\x7F]{{0,{MAX_TEXT_CHARACTERS}}}"
"""An optional text (source, exchange, trade_id, each condition): databases refuse control characters."""

ANY_TEXT = r"[^\x00]*"
"""A text for people: databases refuse the character zero."""

MAX_CONDITIONS = 64
"""Most condition codes of one trade."""

TEXT_FIELDS = ("source", "exchange", "trade_id")
"""Fields of a tick that `TEXT_PATTERN` holds for, besides each of its conditions."""

PRICES_OF_QUOTES, SIZES_OF_QUOTES = ("bid", "ask"), ("bid_size", "ask_size")
"""Fields of both sides of a quote."""

MAX_PRICE = 1e12
"""Highest price, and lowest below zero: beyond, a double has no fourth decimal."""

MIN_SIZE = 1e-11
"""Least units in one trade: sums are of whole units and of 1e-11 of one, so less would not show in them."""

MAX_SIZE = 1e14
"""Most units in one trade: sums have 64 bits, room for 92,000 such trades in one window."""

MAX_NOTIONAL = 1e14
"""Highest price x size of one trade, in any currency; the bound of sums, as for `MAX_SIZE`."""

MIN_EVENT_TIME = datetime(1990, 1, 1, tzinfo=UTC)
"""No trade of ours is older: earlier times are wrong units or unset clocks."""

MAX_FUTURE_SKEW_SECONDS = 300
"""How far ahead of its ingest time a tick may be, unless configured: one bad clock must not close a window."""

LAST_MICROSECOND = 253_402_300_799_999_999
"""9999-12-31 23:59:59.999999 UTC in epoch microseconds: no store holds a later time."""

MAX_PAYLOAD_BYTES = 65_536
"""Longest input that is read as one tick, in bytes."""

MAX_DEAD_LETTER_BYTES = 8 * 1024 * 1024
"""Longest message in the dead letter topic, in bytes: input is kept whole up to about here."""


class Reason(StrEnum):
    """Why a tick or a quote is refused: a stable sentence, behind which the value found may follow after a colon.

    Example:
        >>> Reason.MISSING.of("price")
        'price missing'
        >>> Reason.NOT_POSITIVE.of("price", -1.0)
        'price not positive: -1.0'
    """

    NOT_UTF8 = "not UTF-8"
    NOT_JSON = "not JSON"
    NOT_AN_OBJECT = "not a JSON object"
    NOT_A_RECORD = "not a {field}"
    NOT_CSV = "not CSV"
    NOT_OF_SCHEMA = "not of the schema"
    NO_SCHEMA_ID = "no schema id in front"
    OTHER_SCHEMA = "schema id not expected"
    OTHER_MESSAGE = "not the first message of its schema"
    WRONG_COLUMN_COUNT = "wrong number of columns"
    PAYLOAD_TOO_LONG = f"payload longer than {MAX_PAYLOAD_BYTES} bytes"
    MISSING = "{field} missing"
    NOT_A_NUMBER = "{field} not a number"
    NOT_AN_INTEGER = "{field} not an integer"
    NOT_A_TIME = "{field} not a time"
    NOT_TEXT = "{field} not text"
    MALFORMED = "{field} malformed"
    NOT_FINITE = "{field} not finite"
    NOT_POSITIVE = "{field} not positive"
    NEGATIVE = "{field} negative"
    NEITHER_SIDE = "neither bid nor ask"
    PRICE_TOO_HIGH = f"price above {MAX_PRICE:.0e}"
    PRICE_TOO_LOW = f"price below -{MAX_PRICE:.0e}"
    SIZE_TOO_LOW = f"size below {MIN_SIZE:.0e}"
    SIZE_TOO_HIGH = f"size above {MAX_SIZE:.0e}"
    NOTIONAL_TOO_HIGH = f"price x size above {MAX_NOTIONAL:.0e}"
    EVENT_TIME_TOO_EARLY = f"event_time before {MIN_EVENT_TIME:%Y-%m-%d}"
    EVENT_TIME_AHEAD = "event_time too far ahead of ingest_time"
    INGEST_TIME_TOO_EARLY = f"ingest_time before {MIN_EVENT_TIME:%Y-%m-%d}"
    INGEST_TIME_AHEAD = "ingest_time too far ahead of the time of receipt"

    def of(self, field: str = "", found: object = None) -> str:
        """Return the sentence for `field`, with the value that was found.

        Args:
            field: The field, where the reason names one.
            found: The value to show; None leaves it out.
        """
        sentence = self.value.replace("{field}", field)
        return sentence if found is None else f"{sentence}: {found}"


def kind_of(reason: str) -> str:
    """Return a reason's stable part, without the value found: what refusals are counted by.

    Example:
        >>> kind_of("price not positive: -1.0")
        'price not positive'
    """
    return reason.partition(": ")[0]
