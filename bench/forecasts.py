"""Forecasts on real prices next to the last price, and what training and forecasting cost.

python -m bench.forecasts table --write     # bench/FORECASTS.md
python -m bench.forecasts speed --symbols 100 --days 30

`table`: walk-forward evaluation of the daily S&P 500 and of one-minute bars in the folder that MDSTREAM_TEST_DATA names
(default ../shared/data), once with the shipped model (the median of quantile trees) and once with plain trees for the
mean. `speed`: training of made-up minute bars as `mdstream train` does it, and the time of one forecast as the stream
makes it.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow.parquet as pq
import xgboost

from mdstream.config import ForecastSettings
from mdstream.forecasting.evaluation import Evaluation, Fit, walk_forward
from mdstream.forecasting.features import Matrix
from mdstream.forecasting.predictor import ClosedBar, forecasts_of
from mdstream.forecasting.samples import ClosedBars, as_datetime, samples_of, steps_of
from mdstream.forecasting.statistics import Accuracy, Test
from mdstream.forecasting.store import ModelStore
from mdstream.forecasting.training import fit_of, train
from mdstream.indicators.values import Values
from mdstream.schemas import BarWindow

_MINUTE, _DAY = BarWindow.parse("1min"), BarWindow.parse("1d")
_BARS_A_DAY = 390
_HEADERS = (
    *("series", "horizon", "model", "n test", "rel. MAE", "rel. RMSE", "MASE naive", "MASE model", "direction"),
    *(
        "always up",
        "same as last",
        "opposite",
        "unmoved",
        "R² of returns",
        "DM abs.",
        "DM sq.",
        "PT",
        "in 90 % interval",
    ),
)
_TARGET = Path(__file__).with_name("FORECASTS.md")


def mean_fit(settings: ForecastSettings) -> Fit:
    """Train plain trees for the mean on returns as they are: what most people try first."""

    def fit(features: Matrix, target: Values) -> Callable[[Matrix], Matrix]:
        parameters = {
            "max_depth": settings.max_depth,
            "learning_rate": settings.learning_rate,
            "seed": 0,
            "nthread": settings.threads,
        }
        booster = xgboost.train(parameters, xgboost.DMatrix(features, target), settings.rounds)

        def predict(rows: Matrix) -> Matrix:
            middle = booster.inplace_predict(rows).astype(np.float64)
            return np.column_stack([middle] * 3)

        return predict

    return fit


def real_series(folder: Path) -> Iterator[tuple[str, ClosedBars, BarWindow, int]]:
    """Yield name, bars, window and horizon in minutes of each series."""
    daily = pd.read_csv(folder / "talib_sp500_daily_1999_2018.csv", parse_dates=["date"])
    ends = (daily["date"] + pd.Timedelta(days=1)).to_numpy().astype("M8[us]")
    yield "S&P 500 daily 1999-2018", ClosedBars(ends, *_columns(daily)), _DAY, 1440
    minutes = pq.read_table(folder / "us_equity_bars_1m_vendor_20131007_08.parquet").to_pandas()
    for symbol in ("SPY", "IBM", "BAC", "AIG"):
        own = minutes[minutes["symbol"] == symbol].sort_values("start_ms")
        ends = ((own["start_ms"].to_numpy() + 60_000) * 1000).astype("M8[us]")
        for horizon in (1, 5):
            yield f"{symbol} 1 min, 2 days", ClosedBars(ends, *_columns(own)), _MINUTE, horizon


def _columns(frame: pd.DataFrame) -> tuple[Values, Values]:
    return frame["close"].to_numpy(np.float64), frame["volume"].to_numpy(np.float64)


def table(folder: Path) -> list[str]:
    settings = ForecastSettings()
    lines = [
        f"| {' | '.join(_HEADERS)} |",
        "|" + " --- |" * len(_HEADERS),
    ]
    for name, bars, window, horizon in real_series(folder):
        samples, steps = samples_of(bars, window, horizon), steps_of(window, horizon)
        for kind, fit in (("shipped", fit_of(settings)), ("mean", mean_fit(settings))):
            found = walk_forward(samples, fit, steps, settings.folds)
            ahead = "1 day" if window is _DAY else f"{horizon} min"
            lines.append(f"| {name} | {ahead} | {kind} | {' | '.join(_cells(found, kind == 'shipped'))} |")
            print(lines[-1], flush=True)
    return lines


def _cells(found: Evaluation, with_interval: bool) -> list[str]:
    scores = found.scores
    rules = (scores.direction, scores.always_up, scores.same_as_last, scores.opposite_of_last)
    tests = (scores.diebold_mariano, scores.diebold_mariano_squared, scores.pesaran_timmermann)
    return [
        f"{scores.rows:,}",
        f"**{scores.relative_mae:.3f}**",
        f"{scores.relative_rmse:.3f}",
        f"{scores.naive_mase:.3f}",
        f"{scores.mase:.3f}",
        *map(_share, rules),
        f"{scores.unmoved:.0%}",
        f"{scores.r2:+.3f}",
        *map(_statistic, tests),
        f"{scores.coverage:.0%}" if with_interval else "",
    ]


def _share(found: Accuracy) -> str:
    if found.right is None or found.lower is None or found.upper is None:
        return "-"
    return f"{found.right:.3f} ±{(found.upper - found.lower) / 2:.3f}"


def _statistic(found: Test) -> str:
    return "-" if found.statistic is None else f"{found.statistic:+.1f}"


def write(lines: list[str]) -> None:
    """Put the table between the markers of the file, whose words stay."""
    begin, end = "<!-- table -->", "<!-- end of table -->"
    before, _, rest = _TARGET.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    _TARGET.write_text("\n".join([before + begin, *lines, end + after]), encoding="utf-8")


def made_up_bars(days: int, seed: int) -> ClosedBars:
    random = np.random.default_rng(seed)
    day = np.datetime64("2024-05-06T13:31", "us") + np.arange(_BARS_A_DAY) * np.timedelta64(60, "s")
    ends = np.concatenate([day + number * np.timedelta64(1, "D") for number in range(days)])
    close = np.round(100 * np.exp(np.cumsum(random.normal(0, 5e-4, len(ends)))), 2)
    return ClosedBars(ends, close, np.round(random.lognormal(7, 1, len(ends))))


def speed(symbols: int, days: int) -> dict[str, Any]:
    settings, cores = ForecastSettings(), os.cpu_count() or 1
    names = [f"SYM{number:03d}" for number in range(symbols)]
    series = {name: made_up_bars(days, number) for number, name in enumerate(names)}
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(Path(folder))
        start, cpu = time.perf_counter(), psutil.Process().cpu_times()
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(lambda name: train(name, series[name], _MINUTE, 5, settings, store), names))
        seconds, after = time.perf_counter() - start, psutil.Process().cpu_times()
        used = after.user + after.system - cpu.user - cpu.system
        closed = [
            ClosedBar(name, as_datetime(bars.ends[-1]), float(bars.close[-1]), bars.features()[-1])
            for name, bars in series.items()
        ]
        return {
            "symbols": symbols,
            "bars": symbols * days * _BARS_A_DAY,
            "training s": seconds,
            "training CPU s a symbol": used / symbols,
            "cores": used / seconds,
            "loading us a model": _microseconds(lambda: _forecast(closed, ModelStore(Path(folder))), symbols, 1),
            "forecast us a symbol": _microseconds(lambda: _forecast(closed, store), symbols, 20),
            "features of 600 bars us": _microseconds(lambda: series[names[0]][-600:].features(), 1, 200),
        }


def _forecast(closed: list[ClosedBar], store: ModelStore) -> None:
    made_at = closed[0].end + timedelta(seconds=1)
    made = forecasts_of(closed, (5,), store, made_at, naive_without_model=False)
    assert len(made) == len(closed), "every symbol has a model"


def _microseconds(work: Callable[[], object], each: int, rounds: int) -> float:
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times)) / each * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    of_table = commands.add_parser("table")
    of_table.add_argument("--write", action="store_true", help="replace the table in FORECASTS.md")
    of_speed = commands.add_parser("speed")
    of_speed.add_argument("--symbols", type=int, default=100)
    of_speed.add_argument("--days", type=int, default=30)
    arguments = parser.parse_args()
    if arguments.command == "table":
        lines = table(Path(os.environ.get("MDSTREAM_TEST_DATA", "../shared/data")))
        if arguments.write:
            write(lines)
        return
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, XGBoost {xgboost.__version__}")
    print(f"load before: {os.getloadavg()[0]:.1f}")
    for name, value in speed(arguments.symbols, arguments.days).items():
        print(f"{name}: {value:,.2f}")
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
