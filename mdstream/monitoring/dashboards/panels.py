"""The kinds of panels that the dashboards are made of."""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.builders import candlestick, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh

PROMETHEUS = DataSourceRef("prometheus", "mdstream-prometheus")
DATABASE = DataSourceRef("grafana-postgresql-datasource", "mdstream-database")

_HEIGHT = 8


@dataclass(frozen=True)
class Sql(Builder[Dataquery], Dataquery):
    """A query of the database; the SDK has none of Grafana's PostgreSQL.

    Attributes:
        statement: With Grafana's macros and variables.
        kind: `time_series` or `table`.
    """

    statement: str
    kind: str = "table"

    def build(self) -> Dataquery:
        """Return itself."""
        return self

    def to_json(self) -> dict[str, object]:
        """Return what Grafana keeps of it."""
        return {
            "refId": "A",
            "datasource": DATABASE.to_json(),
            "format": self.kind,
            "editorMode": "code",
            "rawQuery": True,
            "rawSql": self.statement,
        }


def _promql(queries: dict[str, str]) -> list[Builder[Dataquery]]:
    return [
        prometheus.Dataquery().expr(query).legend_format(legend).ref_id(chr(ord("A") + number))
        for number, (legend, query) in enumerate(queries.items())
    ]


def graph(title: str, meaning: str, unit: str, queries: dict[str, str], width: int = 12) -> timeseries.Panel:
    """Return a panel of lines over time.

    Args:
        title: Its title.
        meaning: What it says, for people.
        unit: Grafana's name of the unit.
        queries: PromQL, by what its lines are called.
        width: Of 24 columns.
    """
    return (
        timeseries.Panel()
        .title(title)
        .description(meaning)
        .datasource(PROMETHEUS)
        .unit(unit)
        .min(0)
        .fill_opacity(10)
        .span(width)
        .height(_HEIGHT)
        .targets(_promql(queries))
    )


def number(title: str, meaning: str, unit: str, queries: dict[str, str], width: int = 12) -> stat.Panel:
    """Return a panel of the newest values; see `graph`."""
    panel = stat.Panel().title(title).description(meaning).datasource(PROMETHEUS).unit(unit)
    return panel.span(width).height(_HEIGHT // 2).targets(_promql(queries))


def sql_graph(title: str, meaning: str, unit: str, statement: str, width: int = 12) -> timeseries.Panel:
    """Return lines of a query that gives a column `time` and numbers."""
    panel = timeseries.Panel().title(title).description(meaning).datasource(DATABASE).unit(unit)
    return panel.span(width).height(_HEIGHT).with_target(Sql(statement, "time_series"))


def candles(title: str, meaning: str, statement: str) -> candlestick.Panel:
    """Return candles of a query that gives time, open, high, low, close and volume."""
    panel = candlestick.Panel().title(title).description(meaning).datasource(DATABASE)
    return panel.span(24).height(2 * _HEIGHT).with_target(Sql(statement))


def rows(title: str, meaning: str, statement: str, width: int = 12) -> table.Panel:
    """Return the rows of a query."""
    panel = table.Panel().title(title).description(meaning).datasource(DATABASE)
    return panel.span(width).height(_HEIGHT).with_target(Sql(statement))


def choice(name: str, label: str, statement: str) -> QueryVariable:
    """Return a variable whose values are the first column of a query."""
    variable = QueryVariable(name).label(label).datasource(DATABASE).query(statement)
    return variable.refresh(VariableRefresh.ON_DASHBOARD_LOAD)


def board(uid: str, title: str, meaning: str) -> Dashboard:
    """Return a dashboard without panels."""
    made = Dashboard(title).uid(uid).description(meaning).tags(["mdstream"]).readonly()
    return made.timezone("utc").refresh("10s").time("now-30m", "now")
