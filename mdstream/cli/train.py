"""`mdstream train`: models that forecast prices."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors, output, table_of
from mdstream.cli.lake import FromLake, refuse_two_sources
from mdstream.cli.spark import batch_session
from mdstream.cli.symbols import listed
from mdstream.config import Settings, load_settings
from mdstream.errors import InvalidInputError
from mdstream.schemas import BarWindow

if TYPE_CHECKING:
    from mdstream.forecasting.store import ModelMetadata, ModelStore

Result = TypeVar("Result")
Trained = Iterator[tuple[tuple[str, int], "ModelMetadata | InvalidInputError"]]

Symbols = Annotated[str | None, typer.Option(help="Symbols, with commas between; else all that have bars.")]
Minutes = Annotated[list[int] | None, typer.Option(help="Horizon; may be given several times. Else those configured.")]
Source = Annotated[
    Path | None, typer.Option("--input", help="Bars as parquet, e.g. of `mdstream bars`; else those in the database.")
]
WindowName = Annotated[str | None, typer.Option("--window", help="Window of the bars; else the shortest configured.")]


def train(
    symbols: Symbols = None,
    minutes: Minutes = None,
    source: Source = None,
    from_lake: FromLake = False,
    window: WindowName = None,
    on_spark: Annotated[
        bool, typer.Option("--on-spark", help="Train on Spark's executors, spark.master, instead of this machine.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Train a model for each symbol and horizon, and say whether it is better than the last price.

    Each is first evaluated by walking forward through its bars, then trained on all of them, and replaces the one in
    `forecasting.models` (`models/`) in one step: running jobs take the new one up by themselves. Most models of prices
    are not better than the last price; such a model is kept, and every forecast of it says so.

    With `--on-spark` the executors read the bars and train, as many symbols at a time as they have cores, and the
    models come to this machine. They need mdstream-spark[forecasting], and the file of `--input` in the same place.

    Example: `mdstream train --symbols AAPL,MSFT --minutes 5 --minutes 15`
    """
    settings = load_settings(config)

    # Imported here so that `mdstream --help` stays quick.
    from mdstream.forecasting.store import ModelStore

    refuse_two_sources(source, from_lake)
    store = ModelStore(settings.forecasting.models)
    horizons = tuple(minutes or settings.forecasting.horizons_minutes)
    of = BarWindow.parse(window) if window else None
    table = _table()
    failures, left_out = [], {}
    make = _trained_on_spark if on_spark else _trained_here
    for (symbol, horizon), made in make(settings, source, of, listed(symbols), horizons, store, from_lake):
        if isinstance(made, InvalidInputError):
            failures.append(f"{symbol}, {horizon} minutes: {made}")
        else:
            table.add_row(*_row(symbol, horizon, made))
            left_out[symbol] = made.bars_left_out
    output.print(table)
    say_left_out(left_out)
    for failure in failures:
        errors.print(f"[yellow]not trained:[/] {escape(failure)}", highlight=False)
    if table.row_count == 0:
        raise InvalidInputError("no model was trained; the reasons are above")
    errors.print(f"{table.row_count} models in {settings.forecasting.models}")


def _table() -> Table:
    table = table_of("symbol", "minutes", "samples", "relative MAE", "than the last price")
    table.columns[0].no_wrap = True
    return table


def _row(symbol: str, horizon: int, made: ModelMetadata) -> list[str]:
    samples = f"{made.rows:,}" if made.bars is None else f"{made.rows:,} of {made.bars:,} bars"
    better = "[green]better[/]" if made.beats_naive else "[yellow]not better[/]"
    return [escape(symbol), str(horizon), samples, number(made.relative_mae, ".4f"), better]


def _trained_here(
    settings: Settings,
    source: Path | None,
    window: BarWindow | None,
    symbols: Sequence[str],
    horizons: Sequence[int],
    store: ModelStore,
    from_lake: bool,
) -> Trained:
    from mdstream.forecasting.stored import LearningBars
    from mdstream.forecasting.training import train as train_model

    bars = LearningBars(settings, source, window, symbols, from_lake=from_lake)

    def work(symbol: str, horizon: int) -> ModelMetadata:
        return train_model(symbol, bars.of(symbol), bars.window, horizon, settings.forecasting, store)

    return each_series("training", bars.symbols, horizons, work)


def _trained_on_spark(
    settings: Settings,
    source: Path | None,
    window: BarWindow | None,
    symbols: Sequence[str],
    horizons: Sequence[int],
    store: ModelStore,
    from_lake: bool,
) -> Trained:
    from mdstream.batch.training import frames_to_learn_from, train_on_spark

    with batch_session(settings, "mdstream train", "training") as (spark, on_progress):
        bars = frames_to_learn_from(spark, settings, source, window, symbols, from_lake=from_lake)
        yield from train_on_spark(spark, bars, horizons, settings.forecasting, store, on_progress)


def each_series(
    doing: str, symbols: Sequence[str], horizons: Sequence[int], work: Callable[[str, int], Result]
) -> Iterator[tuple[tuple[str, int], Result | InvalidInputError]]:
    """Do the work of every symbol and horizon, one a core at a time, under a progress bar.

    Yields:
        Symbol and horizon in order, with the result, or why there is none.
    """
    series = [(symbol, horizon) for symbol in symbols for horizon in horizons]
    with (
        Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=errors, transient=True) as progress,
        # Threads: XGBoost and the database work without Python's lock.
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        task = progress.add_task(doing, total=len(series))
        started = [pool.submit(work, symbol, horizon) for symbol, horizon in series]
        try:
            for one, result in zip(series, started, strict=True):
                try:
                    yield one, result.result()
                except InvalidInputError as exc:
                    yield one, exc
                progress.update(task, advance=1, description=f"{doing} {one[0]}")
        finally:
            pool.shutdown(cancel_futures=True)


def say_left_out(bars: Mapping[str, int]) -> None:
    """Say of each symbol how many bars could not be learned from."""
    for symbol, count in bars.items():
        if count:
            said = f"{count:,} bars of {symbol} left out: close is not above zero, or volume below, or missing"
            errors.print(said, markup=False, highlight=False, soft_wrap=True)


def number(value: float | None, form: str) -> str:
    """Return a number in a form, or a dash for none."""
    return "-" if value is None else format(value, form)


def verdict(beats_naive: bool) -> str:
    """Return what an evaluation says, coloured."""
    return "[green]better than the last price[/]" if beats_naive else "[yellow]not better than the last price[/]"
