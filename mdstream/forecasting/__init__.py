"""Price forecasts that are held to the last price: trained, evaluated and made from closed bars."""

from mdstream.errors import brought_by

with brought_by("forecasting"):
    from mdstream.forecasting.evaluation import Evaluation, walk_forward
    from mdstream.forecasting.features import FEATURES
    from mdstream.forecasting.predictor import ClosedBar, Forecast, PricePredictor, forecast
    from mdstream.forecasting.samples import ClosedBars, Samples, samples_of, steps_of
    from mdstream.forecasting.store import ModelMetadata, ModelStore
    from mdstream.forecasting.stored import LearningBars, bars_of_file
    from mdstream.forecasting.training import evaluate, train

__all__ = [
    "FEATURES",
    "ClosedBar",
    "ClosedBars",
    "Evaluation",
    "Forecast",
    "LearningBars",
    "ModelMetadata",
    "ModelStore",
    "PricePredictor",
    "Samples",
    "bars_of_file",
    "evaluate",
    "forecast",
    "samples_of",
    "steps_of",
    "train",
    "walk_forward",
]
