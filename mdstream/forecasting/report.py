"""Evaluations as a file of numbers and a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mdstream.errors import InvalidInputError, MissingDependencyError
from mdstream.forecasting.evaluation import Evaluation
from mdstream.forecasting.store import replace_file

Horizon = tuple[str, int]
"""Symbol and horizon in minutes."""


@dataclass(frozen=True)
class ReportFiles:
    """Where a report is.

    Attributes:
        numbers: JSON with all scores, also fold by fold.
        picture: A page with the errors next to those of the last price.
    """

    numbers: Path
    picture: Path


def write_report(evaluations: Mapping[Horizon, Evaluation], folder: Path) -> ReportFiles:
    """Write all numbers and a picture into a folder, which is made.

    Raises:
        InvalidInputError: The folder cannot be written to.
        MissingDependencyError: plotly is not installed.
    """
    page = _page(evaluations)
    numbers = [
        {"symbol": symbol, "horizon_minutes": horizon, **evaluation.as_json()}
        for (symbol, horizon), evaluation in evaluations.items()
    ]
    files = ReportFiles(folder / "evaluation.json", folder / "evaluation.html")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(files.numbers, (json.dumps(numbers, indent=2) + "\n").encode())
        replace_file(files.picture, page.encode())
    except OSError as exc:
        raise InvalidInputError(f"cannot write the report to {folder}: {exc.strerror or exc}") from exc
    return files


def _page(evaluations: Mapping[Horizon, Evaluation]) -> str:
    try:
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots
    except ImportError as exc:
        raise MissingDependencyError.for_extra("plotly", "forecasting") from exc
    figure = make_subplots(
        rows=2,
        cols=1,
        subplot_titles=(
            "Relative MAE of each refit (below 1 is better than the last price)",
            "Absolute error minus the last price's, summed, in mean errors of the last price (rising is worse)",
        ),
    )
    for (symbol, horizon), evaluation in evaluations.items():
        name = f"{symbol}, {horizon} min"
        relative = [fold.scores.relative_mae for fold in evaluation.folds]
        starts = [f"{fold.start:%Y-%m-%d %H:%M}" for fold in evaluation.folds]
        figure.add_trace(go.Bar(name=name, x=list(range(1, len(relative) + 1)), y=relative, hovertext=starts), 1, 1)
        excess = _summed_excess(evaluation)
        figure.add_trace(go.Scatter(name=name, x=np.arange(1, len(excess) + 1), y=excess, mode="lines"), 2, 1)
    figure.add_hline(1, row=1, line_dash="dash")
    figure.add_hline(0, row=2, line_dash="dash")
    figure.update_xaxes(title="refit", row=1, dtick=1)
    figure.update_xaxes(title="forecast, in time order", row=2)
    figure.update_layout(title="Forecasts next to the last price", height=900)
    return str(figure.to_html(include_plotlyjs=True))


def _summed_excess(evaluation: Evaluation) -> Any:  # noqa: ANN401 - an array
    outcomes = evaluation.outcomes
    last, target = outcomes.samples.last_price, outcomes.samples.target
    actual = last * np.exp(target)
    error = np.abs(last * np.exp(outcomes.forecasts[:, 1]) - actual)
    return np.cumsum((error - np.abs(last - actual)) / outcomes.scale)
