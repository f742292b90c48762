"""A model of one symbol and horizon: quantiles of the coming move, by gradient boosted trees."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mdstream.config import ForecastSettings
from mdstream.errors import InvalidInputError, MissingDependencyError, ModelError
from mdstream.forecasting.features import FEATURES, Matrix
from mdstream.indicators.values import Values

if TYPE_CHECKING:
    import xgboost

_SEED = 20_260_102
_SCALE = "mdstream_scale"


def _xgboost() -> Any:  # noqa: ANN401 - a module
    try:
        import xgboost
    except ImportError as exc:
        raise MissingDependencyError.for_extra("xgboost", "forecasting") from exc
    return xgboost


def xgboost_version() -> str:
    """Return the version of XGBoost that is installed.

    Raises:
        MissingDependencyError: None is.
    """
    return str(_xgboost().__version__)


class QuantileModel:
    """Forecasts a low, a middle and a high move from features.

    The middle is the median, which the mean absolute error is least for. Moves are scaled to a mean size of 1 for
    training, by the scale of the training rows: XGBoost takes no split that gains less than 1e-6, and moves of a
    minute squared are smaller.

    Args:
        booster: A booster that `fit` made.

    Raises:
        ModelError: It was made of other features, or lacks what `fit` puts there.
    """

    def __init__(self, booster: xgboost.Booster) -> None:
        if tuple(booster.feature_names or ()) != FEATURES:
            raise ModelError(
                f"it was trained on {', '.join(booster.feature_names or ()) or 'no named features'}; "
                f"expected {', '.join(FEATURES)}"
            )
        scale = booster.attr(_SCALE)
        if scale is None or not math.isfinite(float(scale)):
            raise ModelError(f"its attribute {_SCALE} is {scale}; expected a number")
        self._booster = booster
        self._scale = float(scale)

    @classmethod
    def fit(cls, features: Matrix, target: Values, settings: ForecastSettings) -> QuantileModel:
        """Train on moves and what was known before them; the same rows give the same model.

        Args:
            features: One row a sample, columns as in `FEATURES`.
            target: Log returns.
            settings: Trees and coverage.

        Raises:
            InvalidInputError: There is no row.
            MissingDependencyError: XGBoost is not installed.
        """
        if not len(target):
            raise InvalidInputError("there is nothing to train on: found no row with features and a known outcome")
        xgb = _xgboost()
        scale = float(np.abs(target).mean()) or 1.0
        rows = xgb.QuantileDMatrix(features, target / scale, feature_names=list(FEATURES), nthread=settings.threads)
        outside = (1 - settings.coverage) / 2
        booster = xgb.train(
            {
                "objective": "reg:quantileerror",
                "quantile_alpha": [outside, 0.5, 1 - outside],
                "tree_method": "hist",
                "max_depth": settings.max_depth,
                "learning_rate": settings.learning_rate,
                "min_child_weight": settings.min_child_weight,
                "subsample": settings.subsample,
                "seed": _SEED,
                "nthread": settings.threads,
            },
            rows,
            num_boost_round=settings.rounds,
        )
        booster.set_attr(**{_SCALE: repr(scale)})
        return cls(booster)

    @classmethod
    def from_bytes(cls, content: bytes) -> QuantileModel:
        """Read what `to_bytes` wrote.

        Raises:
            ModelError: It is not a model of XGBoost's, or not one of ours.
            MissingDependencyError: XGBoost is not installed.
        """
        xgb = _xgboost()
        try:
            booster = xgb.Booster({"nthread": 1}, model_file=bytearray(content))
        except xgb.core.XGBoostError as exc:
            raise ModelError(f"XGBoost {xgb.__version__} cannot read it: {_first_line(exc)}") from exc
        return cls(booster)

    def to_bytes(self) -> bytes:
        """Return the model in XGBoost's UBJSON format."""
        return bytes(self._booster.save_raw("ubj"))

    def predict(self, features: Matrix) -> Matrix:
        """Return the low, middle and high log return of every row, in that order.

        Each row's forecast depends on nothing but the row.
        """
        if not len(features):
            return np.empty((0, 3))
        quantiles = np.asarray(self._booster.inplace_predict(features), np.float64).reshape(len(features), 3)
        # Each quantile has trees of its own, which may cross.
        return np.sort(quantiles, axis=1) * self._scale

    def importance(self) -> dict[str, float]:
        """Return how much each feature that is used has gained, as a share of all."""
        found = self._booster.get_score(importance_type="total_gain")
        gains = {name: float(np.sum(gain)) for name, gain in found.items()}
        total = sum(gains.values()) or 1.0
        return {name: gains.get(name, 0.0) / total for name in FEATURES}


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return json.dumps(lines[0] if lines else type(error).__name__)
