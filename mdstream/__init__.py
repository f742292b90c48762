"""Market data analysed in real time with Spark Structured Streaming.

What a notebook or a job of one's own needs is here::

    import mdstream as md

    bars = ticks.transform(md.to_bars, ["1min", "1d@XNYS"])
    analysed = bars.transform(md.with_indicators, ["rsi(14)", "sma(20)"])

It comes from `mdstream.transforms` (DataFrame to DataFrame), `mdstream.indicators`, `mdstream.schemas` and
`mdstream.errors`, and there is `mdstream.testing`. Each is imported when it is first used, so importing mdstream needs
no Spark. What runs the pipeline is in `mdstream.streaming`, `mdstream.stores`, `mdstream.feeds` and `mdstream.serving`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mdstream import indicators, schemas, testing, transforms
    from mdstream.errors import ConfigError, InvalidInputError, MdstreamError, MissingDependencyError
    from mdstream.indicators import Indicator, parse_indicators
    from mdstream.schemas import ANOMALY, BAR, QUOTE, STORED_TICK, TICK, BarWindow, Record, Rule
    from mdstream.streaming import (
        to_activity_bar_stream,
        to_indicator_stream,
        to_nbbo_stream,
        to_quote_bar_stream,
        with_asof_stream,
        with_trade_sign_stream,
    )
    from mdstream.transforms import (
        Calendar,
        ConditionTable,
        Eligibility,
        SessionWindow,
        filter_usable_trades,
        from_primary_source,
        is_first_partial,
        parse_window,
        periods_a_year,
        to_activity_bars,
        to_adjustment_factors,
        to_anomalies,
        to_bars,
        to_breadth,
        to_complete_bars,
        to_imbalance_bars,
        to_larger_bars,
        to_movers,
        to_nbbo,
        to_order_flow,
        to_quote_bars,
        to_realised_variance,
        to_run_bars,
        to_snapshot,
        to_ticks,
        with_adjusted_prices,
        with_anchored_vwap,
        with_asof,
        with_averages,
        with_beta,
        with_decoded,
        with_drawdown,
        with_ewma_volatility,
        with_indicators,
        with_paid_spreads,
        with_quote_measures,
        with_ranks,
        with_returns,
        with_trade_columns,
        with_trade_sign,
        with_volatility,
        with_z_scores,
    )

__version__ = "0.1.0"

__all__ = [
    "ANOMALY",
    "BAR",
    "QUOTE",
    "STORED_TICK",
    "TICK",
    "BarWindow",
    "Calendar",
    "ConditionTable",
    "ConfigError",
    "Eligibility",
    "Indicator",
    "InvalidInputError",
    "MdstreamError",
    "MissingDependencyError",
    "Record",
    "Rule",
    "SessionWindow",
    "filter_usable_trades",
    "from_primary_source",
    "indicators",
    "is_first_partial",
    "parse_indicators",
    "parse_window",
    "periods_a_year",
    "schemas",
    "testing",
    "to_activity_bar_stream",
    "to_activity_bars",
    "to_adjustment_factors",
    "to_anomalies",
    "to_bars",
    "to_breadth",
    "to_complete_bars",
    "to_imbalance_bars",
    "to_indicator_stream",
    "to_larger_bars",
    "to_movers",
    "to_nbbo",
    "to_nbbo_stream",
    "to_order_flow",
    "to_quote_bar_stream",
    "to_quote_bars",
    "to_realised_variance",
    "to_run_bars",
    "to_snapshot",
    "to_ticks",
    "transforms",
    "with_adjusted_prices",
    "with_anchored_vwap",
    "with_asof",
    "with_asof_stream",
    "with_averages",
    "with_beta",
    "with_decoded",
    "with_drawdown",
    "with_ewma_volatility",
    "with_indicators",
    "with_paid_spreads",
    "with_quote_measures",
    "with_ranks",
    "with_returns",
    "with_trade_columns",
    "with_trade_sign",
    "with_trade_sign_stream",
    "with_volatility",
    "with_z_scores",
]

_HOMES = ("errors", "schemas", "indicators", "transforms", "streaming")
"""Where public names are looked for: what costs least to import comes first."""

_MODULES = ("indicators", "schemas", "testing", "transforms")


def __getattr__(name: str) -> object:
    """Import a public name when it is asked for."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in __all__:
        for home in _HOMES:
            module = importlib.import_module(f"{__name__}.{home}")
            if hasattr(module, name):
                globals()[name] = found = getattr(module, name)
                return found
    from mdstream.errors import did_you_mean

    raise AttributeError(f"module '{__name__}' has no attribute '{name}'; {did_you_mean(name, __all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
