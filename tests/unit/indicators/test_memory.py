"""How many bars an indicator remembers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mdstream.indicators import bars_needed, indicator_values, parse_indicators
from mdstream.indicators.catalogue import functions
from tests.unit.indicators.series import SEED_SET, VECTORS, bars_of, random_bars, vectors


def needed(configuration: dict[str, Any], rtol: float = 1e-9) -> int | None:
    (indicator,) = parse_indicators(configuration)
    return bars_needed(indicator, rtol)


@pytest.mark.parametrize(
    ("configuration", "bars"),
    [
        ({"sma": {"period": 1}}, 1),
        ({"sma": {"period": 200}}, 200),
        ({"bollinger": {"period": 20}}, 20),
        ({"roc": {"period": 10}}, 11),
        ({"max": {"period": 30}}, 30),
        ({"cci": {"period": 14}}, 14),
        ({"aroon": {"period": 25}}, 26),
        ({"trange": {}}, 2),
        ({"medprice": {}}, 1),
    ],
    ids=str,
)
def test_windows_need_their_length(configuration: dict[str, Any], bars: int) -> None:
    assert needed(configuration) == bars


@pytest.mark.parametrize("period", [12, 26, 100, 200])
@pytest.mark.parametrize("rtol", [1e-6, 1e-9])
def test_an_ema_needs_what_its_decay_says(period: int, rtol: float) -> None:
    # A seed that is a few percent off fades by (n - 1) / (n + 1) a bar.
    decay = math.log((period - 1) / (period + 1))
    at_least, at_most = (math.log(rtol / error) / decay for error in (1e-3, 1.0))
    found = needed({"ema": {"period": period}}, rtol)
    assert found is not None
    assert at_least <= found - period <= at_most


@pytest.mark.parametrize("period", [7, 14])
def test_wilders_averages_need_what_their_decay_says(period: int) -> None:
    fading = math.log(1e-9) / math.log((period - 1) / period)
    found = needed({"rsi": {"period": period}})
    assert found is not None
    # Where prices stand still gains and losses fade too, and what is left of the past weighs more.
    assert 0.7 * fading <= found - period <= 2 * fading


@pytest.mark.parametrize(
    "function",
    [
        *("obv", "ad", "adosc", "pvt", "cumsum", "vwap", "sar", "supertrend", "maxindex", "minmaxindex"),
        # These follow a cycle of prices that at times have none.
        *("ht_sine", "ht_dcphase", "mama"),
    ],
)
def test_what_depends_on_the_first_bar_has_no_bounded_history(function: str) -> None:
    assert needed({function: {}}) is None


@pytest.mark.parametrize("configuration", [{"sma": {"period": 9000}}, {"ema": {"period": 2000}}], ids=str)
def test_too_long_to_look_for_is_none(configuration: dict[str, Any]) -> None:
    assert needed(configuration) is None


@pytest.mark.parametrize("name", ["random", *VECTORS])
def test_the_seed_set_needs_less_than_the_history_that_the_stream_keeps(name: str) -> None:
    bars = random_bars(3000, seed=9) if name == "random" else bars_of(vectors(name))
    indicators = parse_indicators(SEED_SET)
    assert max(bars_needed(indicator) or 10**9 for indicator in indicators) < 600
    whole = indicator_values(indicators, bars)
    count = len(bars["close"])
    for end in range(601, count + 1, max((count - 601) // 20, 1)):
        recent = indicator_values(indicators, {key: values[end - 600 : end] for key, values in bars.items()})
        for column, values in recent.items():
            scale = np.nanmedian(np.abs(whole[column]))
            assert abs(values[-1] - whole[column][end - 1]) <= 1e-9 * max(abs(values[-1]), scale), column


@pytest.mark.parametrize("function", [name for name in functions() if name != "mavp"])
def test_what_needs_less_than_600_bars_is_the_same_on_600_others(function: str) -> None:
    (indicator,) = parse_indicators({function: {}})
    if (bars_needed(indicator) or 10**9) > 600:
        assert indicator.function.startswith(("HT_", "MA", "MIN", "KAMA")) or functions()[function].path_dependent
        return
    bars = random_bars(1500, seed=11)
    whole = indicator_values([indicator], bars)
    for end in range(601, 1501, 29):
        recent = indicator_values([indicator], {key: values[end - 600 : end] for key, values in bars.items()})
        for column, values in recent.items():
            expected = whole[column][end - 1]
            scale = max(abs(expected), float(np.median(np.abs(np.nan_to_num(whole[column])))))
            assert abs(values[-1] - expected) <= 1e-9 * scale or np.isnan([values[-1], expected]).all(), column
