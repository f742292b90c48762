"""`mdstream indicators`: indicators of a file of bars."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mdstream.cli.columns import BarColumns, column_pairs
from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors
from mdstream.cli.spark import batch_session
from mdstream.config import load_settings


def indicators(
    source: Annotated[
        Path, typer.Option("--input", help="Bars: parquet or CSV, e.g. of `mdstream bars`.", show_default=False)
    ],
    target: Annotated[Path, typer.Option("--output", help="Indicators: .parquet or .csv.", show_default=False)],
    columns: BarColumns = None,
    config: ConfigFile = None,
) -> None:
    """Compute the configured indicators of a file of bars, with the very functions that run in the stream.

    `technical_indicators` in the configuration says which: any function of TA-Lib by its name. Of the input's columns
    `symbol`, `window`, `window_start` (UTC), `open`, `high`, `low`, `close` and `volume` are required, or what
    `--columns` names for them; windows may have any name and length, in one file too. Each bar gives one row: its key
    and a column an indicator, empty while the indicator is warming up.

    Example: `mdstream indicators --input bars.parquet --output indicators.parquet`
    """
    settings = load_settings(config)

    # Imported here so that `mdstream --help` stays quick.
    from mdstream.batch import indicators_of_bars
    from mdstream.batch.files import check_target, read_bars

    check_target(target)
    bars = read_bars(source, columns=column_pairs(columns))
    with batch_session(settings, "mdstream indicators", f"computing indicators of {source.name}") as (spark, _):
        report = indicators_of_bars(spark, bars, target, settings.indicators)
    errors.print(f"indicators of {report.bars:,} bars in {report.series:,} series in {target}")
    if report.without_value:
        errors.print(
            f"[yellow]without a value in any row, as where series are too short:[/] {', '.join(report.without_value)}"
        )
