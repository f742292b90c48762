"""What the market does, from the database."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from mdstream.monitoring.dashboards.panels import board, candles, choice, rows, sql_graph
from mdstream.schemas import ANOMALY, BAR, STORED_TICK

_OF_CHOICE = "symbol = '$symbol' AND \"window\" = '$window' AND $__timeFilter(window_start)"


def market() -> Dashboard:
    """Return the overview of the market: bars and indicators of one symbol, and what stands out of all."""
    bars = f"FROM {BAR.table} WHERE {_OF_CHOICE} ORDER BY window_start"
    return (
        board("mdstream-market", "mdstream: market", "Bars and indicators of a symbol; all symbols and their anomalies")
        .time("now-3h", "now")
        .with_variable(choice("symbol", "Symbol", f"SELECT DISTINCT symbol FROM {BAR.table} ORDER BY symbol"))
        .with_variable(choice("window", "Window", f'SELECT DISTINCT "window" FROM {BAR.table} ORDER BY "window"'))
        .with_panel(
            candles(
                "$symbol, bars of $window",
                "The newest revision of each bar; the last one is still forming.",
                f"SELECT window_start AS time, open, high, low, close, volume {bars}",
            )
        )
        .with_panel(
            sql_graph(
                "Close and VWAP", "In the currency of $symbol.", "", f"SELECT window_start AS time, close, vwap {bars}"
            )
        )
        .with_panel(
            sql_graph("Trades a bar", "All trades.", "short", f"SELECT window_start AS time, trade_count {bars}")
        )
        .with_panel(
            rows(
                "Newest bars of all symbols",
                "The last bar of $window in the chosen time, and its move since its open.",
                "SELECT DISTINCT ON (symbol) symbol, window_start, close, "
                "round((100 * (close / nullif(open, 0) - 1))::numeric, 2) AS change_percent, volume, trade_count "
                f"FROM {BAR.table} WHERE \"window\" = '$window' AND $__timeFilter(window_start) "
                "ORDER BY symbol, window_start DESC",
            )
        )
        .with_panel(
            rows(
                "Most traded",
                "Ticks and turnover in the chosen time.",
                f"SELECT symbol, count(*) AS ticks, sum(price * size) AS turnover FROM {STORED_TICK.table} "
                "WHERE $__timeFilter(event_time) GROUP BY symbol ORDER BY turnover DESC LIMIT 20",
            )
        )
        .with_panel(
            rows(
                "Anomalies",
                "What the rules found in the chosen time, newest first.",
                'SELECT window_start, symbol, "window", rule, severity, message, value, threshold '
                f"FROM {ANOMALY.table} WHERE $__timeFilter(window_start) ORDER BY window_start DESC LIMIT 100",
                24,
            )
        )
    )
