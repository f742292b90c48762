"""`mdstream rules`: anomaly rules, checked and tried on stored bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mdstream.cli.columns import BarColumns, column_pairs
from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors, output, table_of
from mdstream.cli.spark import batch_session
from mdstream.config import Settings, load_rules, load_settings
from mdstream.schemas import BAR, SEVERITIES

if TYPE_CHECKING:
    import pyarrow as pa

    from mdstream.schemas.rules import Rule

app = typer.Typer(help="Check anomaly rules, and try them on stored bars.", no_args_is_help=True)

RulesFile = Annotated[
    Path | None,
    typer.Option(
        "--rules",
        help="Rules; else `rules_file` of the configuration, else conf/rules.yaml, else those that come with mdstream.",
        show_default=False,
    ),
]


@app.command()
def check(rules: RulesFile = None, config: ConfigFile = None) -> None:
    """Say whether the anomaly rules can be used; exit 1 and say why if not.

    Spark analyses every expression on the columns that there are with the configured indicators, as the job does
    before it starts.

    Example: `mdstream rules check --rules conf/rules.yaml`
    """
    settings = _settings(config, rules)
    listed = load_rules(settings)

    # Imported here so that `mdstream --help` stays quick.
    from mdstream.streaming import check_rules

    with batch_session(settings, "mdstream rules", "checking rules") as (spark, _):
        check_rules(spark, listed, settings)
    output.print(f"{len(listed)} rules can be used: {', '.join(rule.name for rule in listed)}", soft_wrap=True)


@app.command("test")
def try_rules(
    source: Annotated[
        Path, typer.Option("--input", help="Bars: parquet or CSV, as `mdstream bars` writes them.", show_default=False)
    ],
    target: Annotated[
        Path | None, typer.Option("--output", help="Write the anomalies: .parquet or .csv.", show_default=False)
    ] = None,
    rules: RulesFile = None,
    columns: BarColumns = None,
    examples: Annotated[int, typer.Option(min=0, help="How many anomalies of each rule are shown.")] = 3,
    config: ConfigFile = None,
) -> None:
    """Print what the anomaly rules would have found in stored bars.

    Indicators are computed first, from the first bar of each symbol and window on. Every bar counts once; the stream
    looks at each of its revisions and may find more. Rules about `latency_ms` find nothing: files have no latency.

    Example: `mdstream rules test --input bars.parquet`
    """
    settings = _settings(config, rules)
    listed = load_rules(settings)

    from mdstream.batch import anomalies_of_bars
    from mdstream.batch.files import check_target, read_bars

    if target is not None:
        check_target(target)
    bars = read_bars(source, BAR.schema, column_pairs(columns))
    with batch_session(settings, "mdstream rules", f"looking through {source.name}") as (spark, _):
        report = anomalies_of_bars(spark, bars, listed, settings, target)
    output.print(_counts(report.anomalies, listed))
    if examples and report.anomalies.num_rows:
        output.print(_examples(report.anomalies, listed, examples))
    place = f" in {target}" if target else ""
    errors.print(f"{report.anomalies.num_rows:,} anomalies of {report.bars:,} bars{place}", soft_wrap=True)


def _settings(config: Path | None, rules: Path | None) -> Settings:
    settings = load_settings(config)
    return settings if rules is None else settings.model_copy(update={"rules_file": rules})


def _counts(anomalies: pa.Table, rules: Sequence[Rule]) -> Table:
    table = table_of("rule", *SEVERITIES, "all")
    found = list(zip(anomalies["rule"].to_pylist(), anomalies["severity"].to_pylist(), strict=True))
    for rule in rules:
        numbers = [found.count((rule.name, severity)) for severity in SEVERITIES]
        table.add_row(rule.name, *(f"{number:,}" for number in numbers), f"{sum(numbers):,}")
    return table


def _examples(anomalies: pa.Table, rules: Sequence[Rule], number: int) -> Table:
    table = table_of("rule", "bar (UTC)", "message")
    rows = anomalies.to_pylist()
    for rule in rules:
        for row in [row for row in rows if row["rule"] == rule.name][:number]:
            start = row["window_start"].strftime("%Y-%m-%d %H:%M:%S")
            bar = f"{row['symbol']} {row['window']}\n{start}"
            table.add_row(*map(escape, (f"{row['rule']}\n{row['severity']}", bar, row["message"])))
    return table
