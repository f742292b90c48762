"""The page: Dash's components, with what moves on it left to the scripts in `assets`."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict

from mdstream.config import Settings
from mdstream.errors import MissingDependencyError
from mdstream.serving.dashboard.studies import groups_of, study_of

if importlib.util.find_spec("dash") is None:
    raise MissingDependencyError.for_extra("dash", "dashboard")

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html

_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<meta name="color-scheme" content="dark light">
<title>{%title%}</title>
<link rel="icon" type="image/svg+xml" href="assets/icon.svg">
{%css%}
</head>
<body>
{%app_entry%}
<footer>{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>"""

# What the notice of the chart's library asks for.
_CREDIT = html.A("TradingView Lightweight Charts™", href="https://www.tradingview.com/", rel="noopener noreferrer")


_MOVERS = "Who rose and who fell most since their sessions began"


def create_page(settings: Settings) -> Dash:
    """Return the page as a Dash application; everything it loads comes from this process."""
    page = Dash(
        __name__,
        title="mdstream",
        update_title="",
        index_string=_INDEX,
        serve_locally=True,
        add_log_handler=False,
        enable_mcp=False,
    )
    page.layout = _layout(settings)
    page.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("mdstream", "show"),
        Output("address", "search"),
        Input("symbol", "value"),
        Input("window", "value"),
        Input("groups", "value"),
        State("setup", "data"),
    )
    return page


def _layout(settings: Settings) -> html.Div:
    own = settings.serving.dashboard
    studies = [study_of(indicator) for indicator in settings.indicators]
    groups, shown = groups_of(studies, own.studies)
    setup = {
        "studies": [asdict(study) for study in studies],
        "windows": {window.name: window.seconds for window in settings.windows},
        "symbols": settings.symbols,
        "capacity": own.history_bars,
        "refresh": own.refresh_ms,
    }
    return html.Div(
        className="dashboard",
        children=[
            dcc.Location(id="address", refresh=False),
            dcc.Store(id="setup", data=setup),
            _top([window.name for window in settings.windows], groups, shown),
            html.Div(id="banner", role="alert"),
            html.Main([_chart(), _side()]),
        ],
    )


def _top(windows: list[str], groups: list[str], shown: list[str]) -> html.Header:
    return html.Header(
        [
            html.Div("mdstream", className="brand"),
            dcc.Dropdown(id="symbol", className="symbols", clearable=False, placeholder="symbol", options=[]),
            dcc.RadioItems(id="window", className="buttons", options=windows, value=windows[0], inline=True),
            dcc.Checklist(
                id="groups",
                className="buttons",
                options=groups,
                value=shown,
                inline=True,
                persistence=True,
                persistence_type="local",
            ),
            html.Div(id="figures", title="From a tick's arrival in ingest to its bar in this dashboard, last 10 s"),
            html.Div(id="connection", role="status"),
            html.Button("◐", id="theme", title="Light or dark"),
        ]
    )


def _chart() -> html.Section:
    return html.Section(
        className="chart",
        children=[
            html.Div(id="quote"),
            html.Div(id="chart"),
            html.Div(id="notice"),
            html.Button("⇥ live", id="follow", title="Back to the newest bar", hidden=True),
            html.Div([_ranges(), html.Div(["Charts by ", _CREDIT], id="credit")], className="below"),
        ],
    )


def _ranges() -> html.Div:
    spans = {"1D": "one day", "5D": "five days", "1M": "one month", "all": "all there is"}
    buttons = [html.Button(name, title=f"Show {words}", value=name) for name, words in spans.items()]
    return html.Div(buttons, id="ranges")


def _side() -> html.Aside:
    return html.Aside(
        [
            html.Section([html.H2("Movers", title=_MOVERS), html.Div(id="movers", className="empty")]),
            html.Section([html.H2("Watchlist"), _finder(), html.Div(id="watchlist", className="empty")]),
            html.Section([html.H2("Anomalies"), html.Div(id="anomalies", className="empty")]),
        ]
    )


def _finder() -> html.Div:
    orders = {
        "symbol": ("A–Z", "In alphabetical order"),
        "up": ("▲", "Most risen first"),
        "down": ("▼", "Most fallen first"),
        "volume": ("Vol", "Most traded first"),
    }
    buttons = [html.Button(sign, value=name, title=words) for name, (sign, words) in orders.items()]
    field = dcc.Input(id="find", type="search", placeholder="find a symbol:  /", autoComplete="off", debounce=False)
    return html.Div([field, html.Div(buttons, id="sort")], className="finder")
