"""Price forecasts that are held to the last price: trained, evaluated and made from closed bars."""

from mdstream.forecasting.predictor import Forecast, PricePredictor

__all__ = ["Forecast", "PricePredictor"]
