"""Pairs of what was known when a bar closed and what the price then did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from mdstream.errors import InvalidInputError
from mdstream.forecasting.features import Matrix, feature_matrix
from mdstream.indicators.values import Values
from mdstream.schemas import BarWindow
from mdstream.schemas.wire import from_micros

Times = NDArray[np.datetime64]

_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class ClosedBars:
    """Closed bars of one symbol and window, in time order.

    Attributes:
        ends: First instant after each bar, UTC.
        close: Last prices.
        volume: Units traded.
        left_out: How many bars were left out, see `usable_bars`.
    """

    ends: Times
    close: Values
    volume: Values
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, part: slice) -> ClosedBars:
        return ClosedBars(self.ends[part], self.close[part], self.volume[part], self.left_out)

    def features(self) -> Matrix:
        """Return the features of every bar, see `feature_matrix`."""
        return feature_matrix({"close": self.close, "volume": self.volume})


def usable_bars(ends: Times, close: Values, volume: Values) -> ClosedBars:
    """Return the bars that can be learned from, and count the others: a price must have a logarithm.

    A bar of which close is not above zero, or volume below zero, or either missing, is left out as if nothing had
    traded; indicators would carry it on through all bars behind it.

    Args:
        ends: First instant after each bar, ascending.
        close: Last prices; NaN where missing.
        volume: Units traded; NaN where missing.
    """
    usable = np.isfinite(close) & np.isfinite(volume)
    usable[usable] &= (close[usable] > 0) & (volume[usable] >= 0)
    return ClosedBars(ends[usable], close[usable], volume[usable], int(np.count_nonzero(~usable)))


@dataclass(frozen=True)
class Samples:
    """What was known at the end of bars, and the move that followed; only bars for which both are there.

    Attributes:
        features: One row a bar, see `FEATURES`.
        target: Log return from the close of the bar to the price `horizon` later.
        last_price: Close of the bar.
        last_move: Log return over the horizon before the end of the bar; 0 where it is not known.
        ends: First instant after the bar: when all features are known.
        target_ends: When the target is known.
        row: Place of the bar in its series.
        target_row: Place of the bar whose close is the target.
    """

    features: Matrix
    target: Values
    last_price: Values
    last_move: Values
    ends: Times
    target_ends: Times
    row: NDArray[np.int64]
    target_row: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, part: slice | NDArray[np.bool_]) -> Samples:
        return Samples(**{name: column[part] for name, column in vars(self).items()})


def steps_of(window: BarWindow, horizon_minutes: int) -> int:
    """Return how many bars a horizon is long.

    Raises:
        InvalidInputError: It is not a multiple of the window.

    Example:
        >>> steps_of(BarWindow("1min", 60), 5)
        5
    """
    steps, rest = divmod(horizon_minutes * 60, window.seconds)
    if rest or steps < 1:
        raise InvalidInputError(
            f"a horizon of {horizon_minutes} minutes cannot be forecast from bars of {window.name}; expected a "
            f"multiple of {window.seconds} seconds"
        )
    return steps


def samples_of(bars: ClosedBars, window: BarWindow, horizon_minutes: int) -> Samples:
    """Pair the features of every bar with the move over the horizon behind it.

    The price at the end of the horizon is the close of the bar that ends at that very instant; where there is none,
    as over night, there is no sample. Of windows of a day or more, bars follow each other over weekends and holidays.

    Args:
        bars: One series.
        window: What its bars are of.
        horizon_minutes: How far ahead.

    Raises:
        InvalidInputError: The horizon is not a multiple of the window.
    """
    steps = steps_of(window, horizon_minutes)
    rows = np.arange(len(bars))
    if window.seconds >= _DAY_SECONDS:
        target_row, before = rows + steps, rows - steps
    else:
        horizon = np.timedelta64(horizon_minutes, "m")
        target_row, before = _place_of(bars.ends, bars.ends + horizon), _place_of(bars.ends, bars.ends - horizon)
    known = (target_row >= 0) & (target_row < len(bars))
    target_row = np.where(known, target_row, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(bars.close)
        target = logs[target_row] - logs if len(bars) else logs
        last_move = np.where(before >= 0, logs - logs[np.maximum(before, 0)] if len(bars) else logs, 0.0)
    features = bars.features()
    samples = Samples(
        features,
        target,
        bars.close,
        np.where(np.isfinite(last_move), last_move, 0.0),
        bars.ends,
        bars.ends[target_row] if len(bars) else bars.ends,
        rows,
        target_row,
    )
    return samples[known & np.isfinite(target) & np.isfinite(features).all(axis=1)]


def as_datetime(time: np.datetime64) -> datetime:
    """Return a time of numpy, which is in UTC without saying so, as a datetime.

    Example:
        >>> as_datetime(np.datetime64(1, "us")).isoformat()
        '1970-01-01T00:00:00.000001+00:00'
    """
    return from_micros(int(time.astype("datetime64[us]").astype(np.int64)))


def _place_of(times: Times, wanted: Times) -> NDArray[np.int64]:
    """Return where in `times` each wanted one stands, -1 if nowhere."""
    if not len(times):
        return np.empty(0, np.int64)
    places = np.minimum(np.searchsorted(times, wanted), len(times) - 1)
    return np.where(times[places] == wanted, places, -1)
