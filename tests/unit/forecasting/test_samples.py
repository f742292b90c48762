from __future__ import annotations

import numpy as np
import pytest
import talib

from mdstream.errors import InvalidInputError
from mdstream.forecasting.features import FEATURES
from mdstream.forecasting.samples import ClosedBars, samples_of, steps_of
from mdstream.schemas import BarWindow
from tests.unit.forecasting.series import MINUTE, bars_of, random_walk


def test_the_target_is_the_move_over_the_horizon() -> None:
    bars = random_walk(120)
    samples = samples_of(bars, MINUTE, 5)

    place = 100 - int(samples.row[0])
    assert samples.row[place] == 100
    assert samples.target[place] == pytest.approx(np.log(bars.close[105] / bars.close[100]))
    assert samples.last_move[place] == pytest.approx(np.log(bars.close[100] / bars.close[95]))
    assert samples.target_ends[place] - samples.ends[place] == np.timedelta64(5, "m")
    # The last five have no outcome yet, and SMA 50 starts at the 50th bar.
    assert (samples.row[0], samples.row[-1], len(samples)) == (49, 114, 66)


def test_where_no_bar_ends_at_the_horizon_there_is_no_sample() -> None:
    whole = random_walk(200)
    kept = np.ones(200, bool)
    kept[150] = False
    samples = samples_of(ClosedBars(whole.ends[kept], whole.close[kept], whole.volume[kept]), MINUTE, 1)

    assert whole.ends[149] not in samples.ends
    assert whole.ends[151] in samples.ends
    # What came before the gap is not known as the move of the last minute.
    assert samples.last_move[samples.ends == whole.ends[151]] == 0


def test_days_follow_each_other_over_a_weekend() -> None:
    close = 100 + np.cumsum(np.random.default_rng(1).normal(size=100))
    days = np.datetime64("2024-01-01", "us") + np.arange(200) * np.timedelta64(1, "D")
    workdays = days[np.is_busday(days.astype("M8[D]"))][:100]
    samples = samples_of(ClosedBars(workdays, close, np.ones(100)), BarWindow.parse("1d"), 1440)

    assert len(samples) == 100 - 49 - 1
    assert set(np.diff(samples.ends).astype("m8[D]").astype(int)) == {1, 3}


def test_features_are_talibs_made_free_of_scale() -> None:
    bars = random_walk(300)
    close, last = bars.close, bars.features()[-1]
    found = dict(zip(FEATURES, last, strict=True))

    macd, signal, hist = talib.MACD(close, 12, 26, 9)
    upper, middle, lower = talib.BBANDS(close, 20, 2, 2)
    assert found == pytest.approx(
        {
            **{f"return_{lag}": np.log(close[-lag] / close[-lag - 1]) for lag in range(1, 6)},
            "close_to_sma_20": close[-1] / close[-20:].mean() - 1,
            "close_to_sma_50": close[-1] / close[-50:].mean() - 1,
            "rsi_14": talib.RSI(close, 14)[-1] / 100,
            "macd": macd[-1] / close[-1],
            "macd_signal": signal[-1] / close[-1],
            "macd_hist": hist[-1] / close[-1],
            "bb_position": (close[-1] - middle[-1]) / (upper[-1] - lower[-1]),
            "bb_width": (upper[-1] - lower[-1]) / close[-1],
            "volume_to_average_20": np.log((1 + bars.volume[-1]) / (1 + bars.volume[-20:].mean())),
        },
        rel=1e-6,
        abs=1e-12,
    )


def test_features_do_not_change_with_the_currency() -> None:
    bars = random_walk(100)
    scaled = ClosedBars(bars.ends, bars.close * 1000, bars.volume)
    np.testing.assert_allclose(scaled.features(), bars.features(), rtol=1e-6, atol=1e-9)


def test_a_price_that_stands_still_has_features() -> None:
    last = bars_of(np.full(100, 10.0)).features()[-1]
    assert np.isfinite(last).all()
    assert dict(zip(FEATURES, last, strict=True))["bb_position"] == 0


@pytest.mark.parametrize("count", [*range(8), 49, 50])
def test_too_few_bars_give_no_sample(count: int) -> None:
    assert len(samples_of(random_walk(60)[:count] if count else bars_of(np.empty(0)), MINUTE, 1)) == 0


def test_a_horizon_between_bars_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="expected a multiple of 300 seconds"):
        steps_of(BarWindow.parse("5min"), 7)
