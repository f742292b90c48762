"""For tests and notebooks: a made-up market, its ticks and quotes; frames of any record; whether bars are equal."""

from mdstream.testing.comparing import assert_bars_equal
from mdstream.testing.frames import frame_of, kafka_records, table_of
from mdstream.testing.instruments import KNOWN_SYMBOLS, Instrument, instrument
from mdstream.testing.market import Market, Trades
from mdstream.testing.market_options import MarketOptions
from mdstream.testing.quotes import made_up_quotes
from mdstream.testing.ticks import made_up_ticks, ticks_of_market

__all__ = [
    "KNOWN_SYMBOLS",
    "Instrument",
    "Market",
    "MarketOptions",
    "Trades",
    "assert_bars_equal",
    "frame_of",
    "instrument",
    "kafka_records",
    "made_up_quotes",
    "made_up_ticks",
    "table_of",
    "ticks_of_market",
]
