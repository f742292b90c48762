"""Transformations of market data: DataFrame to DataFrame, alike in batch and stream, without session or action."""

from mdstream.errors import brought_by
from mdstream.schemas.calendars import Calendar
from mdstream.schemas.session_windows import Period, SessionWindow, parse_window
from mdstream.schemas.windows import MAX_WINDOW_SECONDS, BarWindow
from mdstream.schemas.years import periods_a_year

with brought_by("spark"):
    from mdstream.transforms.activity import Crossing, Measure, to_activity_bars, to_imbalance_bars, to_run_bars
    from mdstream.transforms.adjusted_prices import Adjustment, to_adjustment_factors, with_adjusted_prices
    from mdstream.transforms.anomalies import findings_to_anomalies, to_anomalies, with_findings
    from mdstream.transforms.asof import with_asof
    from mdstream.transforms.asof_terms import Direction
    from mdstream.transforms.bars import to_bars
    from mdstream.transforms.complete_bars import Fill, is_first_partial, to_complete_bars
    from mdstream.transforms.cross_section import to_breadth, to_movers, to_snapshot, with_ranks, with_z_scores
    from mdstream.transforms.dead_letters import DEAD_LETTER_COLUMN, with_dead_letter
    from mdstream.transforms.decoded import Encoding, with_decoded
    from mdstream.transforms.eligibility import ConditionTable, Eligibility
    from mdstream.transforms.indicators import with_indicators
    from mdstream.transforms.larger_bars import to_larger_bars
    from mdstream.transforms.nbbo import to_nbbo
    from mdstream.transforms.order_flow import to_order_flow
    from mdstream.transforms.quote_bars import to_quote_bars
    from mdstream.transforms.quote_records import with_quote_fields
    from mdstream.transforms.quotes import with_quote_measures
    from mdstream.transforms.revisions import to_bar_revisions, to_newest_revisions, with_bar_fields, with_records
    from mdstream.transforms.series import (
        Estimator,
        to_realised_variance,
        with_anchored_vwap,
        with_averages,
        with_beta,
        with_drawdown,
        with_ewma_volatility,
        with_returns,
        with_volatility,
    )
    from mdstream.transforms.sources import from_primary_source
    from mdstream.transforms.ticks import to_ticks, with_reject_reason
    from mdstream.transforms.trade_columns import with_trade_columns
    from mdstream.transforms.trade_signs import SignRule, with_paid_spreads, with_trade_sign
    from mdstream.transforms.usable_trades import filter_usable_trades

__all__ = [
    "DEAD_LETTER_COLUMN",
    "MAX_WINDOW_SECONDS",
    "Adjustment",
    "BarWindow",
    "Calendar",
    "ConditionTable",
    "Crossing",
    "Direction",
    "Eligibility",
    "Encoding",
    "Estimator",
    "Fill",
    "Measure",
    "Period",
    "SessionWindow",
    "SignRule",
    "filter_usable_trades",
    "findings_to_anomalies",
    "from_primary_source",
    "is_first_partial",
    "parse_window",
    "periods_a_year",
    "to_activity_bars",
    "to_adjustment_factors",
    "to_anomalies",
    "to_bar_revisions",
    "to_bars",
    "to_breadth",
    "to_complete_bars",
    "to_imbalance_bars",
    "to_larger_bars",
    "to_movers",
    "to_nbbo",
    "to_newest_revisions",
    "to_order_flow",
    "to_quote_bars",
    "to_realised_variance",
    "to_run_bars",
    "to_snapshot",
    "to_ticks",
    "with_adjusted_prices",
    "with_anchored_vwap",
    "with_asof",
    "with_averages",
    "with_bar_fields",
    "with_beta",
    "with_dead_letter",
    "with_decoded",
    "with_drawdown",
    "with_ewma_volatility",
    "with_findings",
    "with_indicators",
    "with_paid_spreads",
    "with_quote_fields",
    "with_quote_measures",
    "with_ranks",
    "with_records",
    "with_reject_reason",
    "with_returns",
    "with_trade_columns",
    "with_trade_sign",
    "with_volatility",
    "with_z_scores",
]
