"""`mdstream bars`: bars of a file of ticks."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors
from mdstream.cli.spark import batch_session, reading
from mdstream.cli.tick_files import Columns, Format, SymbolOfFile, UnitOfTimes, file_form, print_rejects
from mdstream.config import load_settings
from mdstream.schemas.windows import BarWindow, check_lengths


def bars(
    source: Annotated[
        Path,
        typer.Option(
            "--input",
            help="Ticks: parquet, CSV or JSON lines (.gz, .zst, .zip too), or a folder of them.",
            show_default=False,
        ),
    ],
    target: Annotated[Path, typer.Option("--output", help="Bars: .parquet or .csv.", show_default=False)],
    window: Annotated[
        list[str] | None,
        typer.Option(help="Window, e.g. 1min, 30min@XNYS, 1d@XNYS; may be given several times. Else those configured."),
    ] = None,
    conditions: Annotated[
        Path | None,
        typer.Option(help="CSV code,open_close,high_low,volume with true/false, * for all other codes."),
    ] = None,
    format_name: Format = None,
    unit: UnitOfTimes = None,
    symbol: SymbolOfFile = None,
    columns: Columns = None,
    config: ConfigFile = None,
) -> None:
    """Compute bars of a file of ticks, with the very transforms that run in the stream.

    The way to check a stream, to back-test and to rebuild. Of the input's columns `symbol`, `price`, `size` and
    `event_time` (UTC) are required; `sequence` orders trades of the same time, `conditions` (codes) decide with
    `--conditions` which trades may set open and close, high and low, and count for volume. Files of vendors are read
    as they come, with `--format`; any other file with `--columns`, `--unit` and `--symbol`.

    For example:

        mdstream bars --input ticks.parquet --window 1min --window 5min --output bars.parquet

        mdstream bars --input ticks.parquet --window 30min@XNYS --window 1d@XNYS --output sessions.parquet

        mdstream bars --input BTCUSDT-trades-2026-01-05.zip --format binance --window 1h --output bars.csv
    """
    settings = load_settings(config)

    # Imported here so that `mdstream --help` stays quick.
    from mdstream.batch import bars_of_ticks, staged_ticks
    from mdstream.batch.files import check_target
    from mdstream.config.conditions import load_conditions
    from mdstream.schemas.session_windows import parse_window

    windows = [parse_window(name) for name in window] if window else list(settings.windows)
    table = load_conditions(conditions or settings.ticks.conditions_table)
    check_target(target)
    check_lengths([each for each in windows if isinstance(each, BarWindow)])
    form = file_form(format_name, unit, symbol, columns, settings.ticks)
    with ExitStack() as stack:
        with reading(source.name) as on_progress:
            staged = stack.enter_context(staged_ticks(source, form=form, ticks=settings.ticks, on_progress=on_progress))
        spark, _ = stack.enter_context(batch_session(settings, "mdstream bars", "computing bars"))
        report = bars_of_ticks(spark, staged, target, windows, table, settings.ticks.primary_sources)
    errors.print(f"{report.bars:,} bars of {report.ticks:,} ticks in {target}", soft_wrap=True)
    if staged.passed_over:
        errors.print(f"{staged.passed_over:,} rows passed over: they are no trades")
    print_rejects(report.rejects)
