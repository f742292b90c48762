"""`mdstream predict`: a price forecast beside the last price."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors, output, table_of
from mdstream.cli.train import verdict
from mdstream.config import load_settings
from mdstream.schemas.digits import price_text

_STALE = timedelta(hours=1)


def predict(
    symbol: Annotated[str, typer.Argument(help="The instrument, e.g. AAPL.", show_default=False)],
    minutes: Annotated[int, typer.Option(min=1, help="Horizon: one that was trained.")] = 5,
    source: Annotated[
        Path | None,
        typer.Option(
            "--input", exists=True, help="Bars as parquet, e.g. of `mdstream bars`; else those in the database."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    config: ConfigFile = None,
) -> None:
    """Forecast a price from the newest closed bars in the database or a file, with an interval beside the last price.

    Without a usable model the forecast is the last price, and the reason is logged.

    Example: `mdstream predict AAPL --minutes 5`
    """
    settings = load_settings(config)

    # Imported here so that `mdstream --help` stays quick.
    import pyarrow as pa

    from mdstream.forecasting import PricePredictor
    from mdstream.forecasting.predictor import NAIVE
    from mdstream.schemas import PREDICTION
    from mdstream.schemas.wire import encode_batch

    made = PricePredictor(settings, source).predict_next_price(symbol, minutes)
    if as_json:
        row = pa.RecordBatch.from_pylist([made.as_row()], schema=PREDICTION.schema)
        output.print_json(encode_batch(row)[0].decode())
        return
    coverage = settings.forecasting.coverage
    table = table_of("", escape(symbol))
    table.add_row("for", f"{made.target_time:%Y-%m-%d %H:%M:%S} UTC")
    table.add_row("forecast", f"[bold]{price_text(made.predicted_price)}[/]")
    if made.lower is not None and made.upper is not None:
        table.add_row(f"{coverage:.0%} interval", f"{price_text(made.lower)} to {price_text(made.upper)}")
    table.add_row("last price (naive)", price_text(made.naive_price))
    table.add_row("model", made.model_version)
    if made.relative_mae is not None:
        table.add_row("relative MAE", f"{made.relative_mae:.4f}, {verdict(made.beats_naive)}")
    output.print(table)
    if made.model_version == NAIVE:
        errors.print("[yellow]there is no usable model: this is the last price[/]")
    age = made.made_at - made.target_time + timedelta(minutes=minutes)
    if age > _STALE:
        errors.print(f"[yellow]the newest closed bar ended {age} ago[/]")
