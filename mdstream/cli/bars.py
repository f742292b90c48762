"""`mdstream bars`: bars of a file of ticks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors
from mdstream.cli.spark import batch_session
from mdstream.config import load_settings
from mdstream.schemas import BarWindow


def bars(
    source: Annotated[
        Path,
        typer.Option("--input", help="Ticks: parquet, CSV or JSON lines, or a folder of them.", show_default=False),
    ],
    target: Annotated[Path, typer.Option("--output", help="Bars: .parquet or .csv.", show_default=False)],
    window: Annotated[
        list[str] | None,
        typer.Option(help="Window, e.g. 1min, 5min, 1h; may be given several times. Else those configured."),
    ] = None,
    conditions: Annotated[
        Path | None,
        typer.Option(help="CSV code,open_close,high_low,volume with true/false, * for all other codes."),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Compute bars of a file of ticks, with the very transforms that run in the stream.

    The way to check a stream, to back-test and to rebuild. Of the input's columns `symbol`, `price`, `size` and
    `event_time` (UTC) are required; `sequence` orders trades of the same time, `conditions` (codes) decide with
    `--conditions` which trades may set open and close, high and low, and count for volume.

    Example: `mdstream bars --input ticks.parquet --window 1min --window 5min --output bars.parquet`
    """
    settings = load_settings(config)
    windows = [BarWindow.parse(name) for name in window] if window else list(settings.windows)

    # Imported here so that `mdstream --help` stays quick.
    from mdstream.batch import bars_of_file
    from mdstream.streaming import load_conditions

    table = load_conditions(conditions or settings.ticks.conditions_table)
    with batch_session(settings, "mdstream bars", f"reading {source.name}") as (spark, on_progress):
        report = bars_of_file(
            spark, source, target, windows, table, on_progress, sources=settings.ticks.primary_sources
        )
    errors.print(f"{report.bars:,} bars of {report.ticks:,} ticks in {target}")
    for reason, count in sorted(report.rejects.items()):
        errors.print(f"[yellow]{count:,} rows left out:[/] {reason}")
