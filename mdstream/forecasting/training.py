"""Trains models, and says how good they are before anybody relies on them."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import mdstream
from mdstream.config import ForecastSettings
from mdstream.errors import InvalidInputError
from mdstream.forecasting.evaluation import Evaluation, Fit, walk_forward
from mdstream.forecasting.features import FEATURES, Matrix
from mdstream.forecasting.model import QuantileModel, xgboost_version
from mdstream.forecasting.samples import ClosedBars, Samples, as_datetime, samples_of, steps_of
from mdstream.forecasting.store import ModelMetadata, ModelStore, TrainedModel, log_verdict
from mdstream.indicators.values import Values
from mdstream.schemas import BarWindow


def fit_of(settings: ForecastSettings) -> Fit:
    """Return the training of the shipped model as `walk_forward` takes it."""

    def fit(features: Matrix, target: Values) -> Callable[[Matrix], Matrix]:
        return QuantileModel.fit(features, target, settings).predict

    return fit


def evaluate(
    bars: ClosedBars,
    window: BarWindow,
    horizon_minutes: int,
    settings: ForecastSettings,
    on_progress: Callable[[float], None] = lambda _: None,
) -> Evaluation:
    """Walk forward through the bars of a symbol with the shipped model.

    Args:
        bars: One series.
        window: What its bars are of.
        horizon_minutes: How far ahead.
        settings: The model and the number of folds.
        on_progress: Called with the share of the work that is done.

    Raises:
        InvalidInputError: There are too few bars, or the horizon is not a multiple of the window.
        MissingDependencyError: XGBoost is not installed.
    """
    samples = samples_of(bars, window, horizon_minutes)
    steps = steps_of(window, horizon_minutes)
    with _left_out_said(bars):
        return walk_forward(samples, fit_of(settings), steps, settings.folds, on_progress)


@contextmanager
def _left_out_said(bars: ClosedBars) -> Iterator[None]:
    """Say of bars that are too few how many besides could not be used."""
    try:
        yield
    except InvalidInputError as exc:
        if not bars.left_out:
            raise
        raise InvalidInputError(
            f"{exc}. {bars.left_out:,} of {bars.left_out + len(bars):,} bars were left out: close is not above zero, "
            "or volume below, or missing"
        ) from exc


def trained(
    symbol: str,
    bars: ClosedBars,
    window: BarWindow,
    horizon_minutes: int,
    settings: ForecastSettings,
    on_progress: Callable[[float], None] = lambda _: None,
) -> TrainedModel:
    """Evaluate a model on the bars of a symbol, and train it on all of them.

    Args:
        symbol: The instrument.
        bars: Its closed bars.
        window: What they are of.
        horizon_minutes: How far ahead.
        settings: The model and the number of folds.
        on_progress: Called with the share of the work that is done.

    Raises:
        InvalidInputError: There are too few bars, or the horizon is not a multiple of the window.
        MissingDependencyError: XGBoost is not installed.
    """
    samples = samples_of(bars, window, horizon_minutes)
    steps = steps_of(window, horizon_minutes)
    folds = settings.folds
    with _left_out_said(bars):
        evaluation = walk_forward(
            samples, fit_of(settings), steps, folds, lambda share: on_progress(share * folds / (folds + 1))
        )
    model = QuantileModel.fit(samples.features, samples.target, settings)
    on_progress(1.0)
    return TrainedModel(
        model, _metadata_of(symbol, bars, samples, window, horizon_minutes, settings, evaluation, model)
    )


def train(
    symbol: str,
    bars: ClosedBars,
    window: BarWindow,
    horizon_minutes: int,
    settings: ForecastSettings,
    store: ModelStore,
    on_progress: Callable[[float], None] = lambda _: None,
) -> ModelMetadata:
    """Train a model as `trained` does, put it into the store and log its verdict.

    A model that is not better than the last price is stored like any other, and says so.

    Args:
        symbol: The instrument.
        bars: Its closed bars.
        window: What they are of.
        horizon_minutes: How far ahead.
        settings: The model and the number of folds.
        store: Where it goes.
        on_progress: Called with the share of the work that is done.

    Raises:
        InvalidInputError: There are too few bars, or the horizon is not a multiple of the window.
        MissingDependencyError: XGBoost is not installed.
        ModelError: The store cannot be written to.
    """
    made = trained(symbol, bars, window, horizon_minutes, settings, on_progress)
    store.save(made.model, made.metadata)
    log_verdict(made.metadata)
    return made.metadata


def _metadata_of(
    symbol: str,
    bars: ClosedBars,
    samples: Samples,
    window: BarWindow,
    horizon_minutes: int,
    settings: ForecastSettings,
    evaluation: Evaluation,
    model: QuantileModel,
) -> ModelMetadata:
    trained_at = datetime.now(UTC)
    digest = hashlib.sha256(model.to_bytes()).hexdigest()
    return ModelMetadata(
        symbol=symbol,
        window=window.name,
        horizon_minutes=horizon_minutes,
        version=f"{trained_at:%Y%m%dT%H%M%SZ}-{digest[:8]}",
        sha256=digest,
        trained_at=trained_at,
        first_bar_end=as_datetime(samples.ends[0]),
        known_until=as_datetime(samples.target_ends.max()),
        rows=len(samples),
        bars=len(bars),
        bars_left_out=bars.left_out,
        features=FEATURES,
        settings=settings.model_dump(mode="json", exclude={"models", "horizons_minutes", "naive_without_model"}),
        versions={"mdstream": mdstream.__version__, "xgboost": xgboost_version(), "python": platform.python_version()},
        importance=model.importance(),
        evaluation=evaluation.as_json(),
        beats_naive=evaluation.scores.beats_naive,
        relative_mae=evaluation.scores.relative_mae,
    )
