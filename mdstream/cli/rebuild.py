"""`mdstream rebuild`: bars, indicators and anomalies of stored ticks."""

from __future__ import annotations

from typing import Annotated

import typer

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors
from mdstream.cli.lake import FromLake
from mdstream.cli.spark import batch_session
from mdstream.cli.symbols import listed
from mdstream.cli.times import From, To
from mdstream.config import load_settings


def rebuild(
    start: From,
    end: To,
    symbols: Annotated[str, typer.Option(help="Symbols, with commas between; else all.")] = "",
    from_lake: FromLake = False,
    config: ConfigFile = None,
) -> None:
    """Compute bars, indicators and anomalies anew from the stored ticks, and store them.

    The way for ticks that came too late for the stream, and after a change of windows, indicators, rules or trade
    conditions. Whole windows are rebuilt: the times are widened to where windows of the longest length start and end.
    `--from-lake` takes the ticks from the lake, which keeps what the database's retention has dropped.
    Goes to TimescaleDB and InfluxDB; Redis and Kafka, which carry what is new, are left alone. Does no harm while the
    jobs run: a bar never goes back to fewer ticks.

    Example: `mdstream rebuild --from 2024-05-06 --to 2024-05-07 --symbols AAPL,MSFT`
    """
    settings = load_settings(config)

    # Imported here so that `mdstream --help` stays quick.
    from mdstream.operations.rebuild import rebuild as rebuild_stored

    with batch_session(settings, "mdstream rebuild", "rebuilding") as (spark, on_progress):
        report = rebuild_stored(
            spark,
            settings,
            start,
            end,
            listed(symbols),
            on_progress,
            from_lake=from_lake,
        )
    errors.print(
        f"{report.bars:,} bars from {report.start:%Y-%m-%d %H:%M:%S} to {report.end:%Y-%m-%d %H:%M:%S} UTC, "
        f"{report.indicators:,} rows of indicators and {report.anomalies:,} anomalies"
    )
