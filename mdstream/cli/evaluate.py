"""`mdstream evaluate`: how good forecasts would have been."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors, output
from mdstream.cli.symbols import listed
from mdstream.cli.train import Minutes, Source, Symbols, WindowName, number, verdict
from mdstream.config import load_settings
from mdstream.errors import InvalidInputError
from mdstream.schemas import BarWindow

if TYPE_CHECKING:
    from mdstream.forecasting.scores import Scores
    from mdstream.forecasting.statistics import Accuracy

_COLUMNS = (
    "symbol",
    "minutes",
    "forecasts",
    "relative MAE",
    "relative RMSE",
    "MASE (naive)",
    "R² of returns",
    "direction",
    "always up",
    "same as last",
    "opposite of last",
    "DM (p)",
    "PT (p)",
    "in interval",
    "verdict",
)


def evaluate(
    symbols: Symbols = None,
    minutes: Minutes = None,
    source: Source = None,
    window: WindowName = None,
    folder: Annotated[Path, typer.Option("--output", help="Folder for evaluation.json and .html.")] = Path(
        "evaluation"
    ),
    config: ConfigFile = None,
) -> None:
    """Hold forecasts to what happened: trained on the past alone, refitted step by step, next to the last price.

    Relative MAE is the headline: below 1 is better than the last price, and about 1 is what to expect. Below 0.98 on
    bars of a minute look for a mistake first. Directions are counted where the price moved and a direction was named,
    with 95 % intervals. DM is Diebold and Mariano's test of equal accuracy (above 0: worse than the last price), PT
    Pesaran and Timmermann's of directions.

    Example: `mdstream evaluate --symbols AAPL --minutes 5`
    """
    settings = load_settings(config)

    # Imported here so that `mdstream --help` stays quick.
    from mdstream.forecasting.report import write_report
    from mdstream.forecasting.stored import LearningBars
    from mdstream.forecasting.training import evaluate as evaluate_model

    bars = LearningBars(settings, source, BarWindow.parse(window) if window else None, listed(symbols))
    horizons = tuple(minutes or settings.forecasting.horizons_minutes)
    evaluations, failures = {}, []
    table = Table(*_COLUMNS)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=errors, transient=True) as progress:
        task = progress.add_task("evaluating", total=len(bars.symbols) * len(horizons))
        for symbol in bars.symbols:
            series = bars.of(symbol)
            for horizon in horizons:
                progress.update(task, description=f"evaluating {symbol}")
                try:
                    found = evaluate_model(series, bars.window, horizon, settings.forecasting)
                except InvalidInputError as exc:
                    failures.append(f"{symbol}, {horizon} minutes: {exc}")
                else:
                    evaluations[symbol, horizon] = found
                    table.add_row(symbol, str(horizon), *_cells(found.scores))
                progress.advance(task)
    output.print(table)
    for failure in failures:
        errors.print(f"[yellow]not evaluated:[/] {failure}", highlight=False)
    if not evaluations:
        raise InvalidInputError("nothing was evaluated; the reasons are above")
    files = write_report(evaluations, folder)
    errors.print(f"all numbers in {files.numbers}, a picture in {files.picture}")


def _cells(scores: Scores) -> list[str]:
    tests = (scores.diebold_mariano, scores.pesaran_timmermann)
    rules = (scores.direction, scores.always_up, scores.same_as_last, scores.opposite_of_last)
    return [
        f"{scores.rows:,}",
        number(scores.relative_mae, ".4f"),
        number(scores.relative_rmse, ".4f"),
        f"{number(scores.mase, '.3f')} ({number(scores.naive_mase, '.3f')})",
        number(scores.r2, "+.4f"),
        *map(_share, rules),
        *("-" if test.statistic is None else f"{test.statistic:+.2f} ({test.p_value:.3f})" for test in tests),
        f"{scores.coverage:.1%}",
        verdict(scores.beats_naive),
    ]


def _share(found: Accuracy) -> str:
    if found.right is None or found.lower is None or found.upper is None:
        return "-"
    return f"{found.right:.3f} ({found.lower:.3f}–{found.upper:.3f})"
