"""What one series of bars is worth, and how it moves: means, returns, drawdown, anchored VWAP, volatility, beta."""

from mdstream.transforms.series.anchored_vwap import with_anchored_vwap
from mdstream.transforms.series.averages import with_averages
from mdstream.transforms.series.beta import with_beta
from mdstream.transforms.series.ewma_volatility import with_ewma_volatility
from mdstream.transforms.series.realised_variance import to_realised_variance
from mdstream.transforms.series.returns import with_drawdown, with_returns
from mdstream.transforms.series.volatility import Estimator, with_volatility

__all__ = [
    "Estimator",
    "to_realised_variance",
    "with_anchored_vwap",
    "with_averages",
    "with_beta",
    "with_drawdown",
    "with_ewma_volatility",
    "with_returns",
    "with_volatility",
]
