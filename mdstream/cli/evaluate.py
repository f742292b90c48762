"""`mdstream evaluate`: how good forecasts would have been."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors, output, table_of
from mdstream.cli.lake import FromLake, refuse_two_sources
from mdstream.cli.symbols import listed
from mdstream.cli.train import Minutes, Source, Symbols, WindowName, each_series, number, say_left_out, verdict
from mdstream.config import load_settings
from mdstream.errors import InvalidInputError
from mdstream.schemas import BarWindow

if TYPE_CHECKING:
    from mdstream.forecasting.evaluation import Evaluation
    from mdstream.forecasting.scores import Scores
    from mdstream.forecasting.statistics import Accuracy, Test

_COLUMNS = ("errors / last price's", "direction (95 %)", "tests (p)")


def evaluate(
    symbols: Symbols = None,
    minutes: Minutes = None,
    source: Source = None,
    from_lake: FromLake = False,
    window: WindowName = None,
    folder: Annotated[Path, typer.Option("--output", help="Folder for evaluation.json and .html.")] = Path(
        "evaluation"
    ),
    config: ConfigFile = None,
) -> None:
    """Hold forecasts to what happened: trained on the past alone, refitted step by step, next to the last price.

    Relative MAE is the headline: below 1 is better than the last price, and about 1 is what to expect. Below 0.98 on
    bars of a minute look for a mistake first. R² is of returns against zero. Directions are counted where the price
    moved and a direction was named. DM is Diebold and Mariano's test of equal accuracy (above 0: worse than the last
    price), DM² the same of squared errors, PT Pesaran and Timmermann's test of directions.

    Example: `mdstream evaluate --symbols AAPL --minutes 5`
    """
    settings = load_settings(config)

    # Imported here so that `mdstream --help` stays quick.
    from mdstream.forecasting.report import write_report
    from mdstream.forecasting.stored import LearningBars
    from mdstream.forecasting.training import evaluate as evaluate_model

    refuse_two_sources(source, from_lake)
    named = BarWindow.parse(window) if window else None
    bars = LearningBars(settings, source, named, listed(symbols), from_lake=from_lake)
    horizons = tuple(minutes or settings.forecasting.horizons_minutes)
    evaluations, failures = {}, []

    def work(symbol: str, horizon: int) -> Evaluation:
        return evaluate_model(bars.of(symbol), bars.window, horizon, settings.forecasting)

    for (symbol, horizon), found in each_series("evaluating", bars.symbols, horizons, work):
        if isinstance(found, InvalidInputError):
            failures.append(f"{symbol}, {horizon} minutes: {found}")
        else:
            evaluations[symbol, horizon] = found
            output.print(_table(symbol, horizon, found.scores))
    say_left_out({symbol: bars.of(symbol).left_out for symbol in bars.symbols} if source or from_lake else {})
    for failure in failures:
        errors.print(f"[yellow]not evaluated:[/] {escape(failure)}", highlight=False)
    if not evaluations:
        raise InvalidInputError("nothing was evaluated; the reasons are above")
    files = write_report(evaluations, folder)
    errors.print(f"all numbers in {files.numbers}, a picture in {files.picture}")


def _table(symbol: str, horizon: int, scores: Scores) -> Table:
    """Return the scores of one series; all of them side by side would be wider than a terminal."""
    table = table_of(*_COLUMNS)
    table.title = (
        f"[bold]{escape(symbol)}[/], {horizon} min, {scores.rows:,} forecasts: {verdict(scores.beats_naive)}\n"
        f"{scores.coverage:.1%} within the interval, {scores.unmoved:.0%} unmoved"
    )
    table.title_justify, table.title_style = "left", ""
    table.add_row(*_cells(scores))
    return table


def _cells(scores: Scores) -> list[str]:
    errors_cell = [
        f"MAE  {number(scores.relative_mae, '.4f')}",
        f"RMSE {number(scores.relative_rmse, '.4f')}",
        f"MASE {number(scores.mase, '.3f')} ({number(scores.naive_mase, '.3f')})",
        f"R²   {number(scores.r2, '+.4f')}",
    ]
    directions = [
        f"model     {_share(scores.direction)}",
        f"always up {_share(scores.always_up)}",
        f"same      {_share(scores.same_as_last)}",
        f"opposite  {_share(scores.opposite_of_last)}",
    ]
    tests = [
        f"DM {_tested(scores.diebold_mariano)}",
        f"DM² {_tested(scores.diebold_mariano_squared)}",
        f"PT {_tested(scores.pesaran_timmermann)}",
    ]
    return ["\n".join(lines) for lines in (errors_cell, directions, tests)]


def _tested(test: Test) -> str:
    return f"{number(test.statistic, '+.2f')} ({number(test.p_value, '.3f')})"


def _share(found: Accuracy) -> str:
    if found.right is None or found.lower is None or found.upper is None:
        return "-"
    return f"{found.right:.3f} ±{(found.upper - found.lower) / 2:.3f}"
