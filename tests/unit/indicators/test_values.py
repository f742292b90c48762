"""Values of small series computed by hand, and series that are short, flat, broken or of another type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import talib.abstract
from numpy.testing import assert_allclose

from mdstream.indicators import RULE_FIELDS, indicator_values, parse_indicators, rule_values
from mdstream.indicators.catalogue import functions
from tests.unit.indicators.series import PRICES, SEED_SET, Values, random_bars

NAN = float("nan")
FUNCTIONS = [name.upper() for name in functions() if name != "mavp"]
"""All that can be computed from bars: MAVP wants a series of periods beside the prices."""


def values_of(configuration: dict[str, Any], **bars: list[float]) -> dict[str, Values]:
    return indicator_values(
        parse_indicators(configuration), {name: np.array(values, float) for name, values in bars.items()}
    )


@pytest.mark.parametrize(
    ("configuration", "bars", "expected"),
    [
        ({"sma": {"period": 3}}, {"close": [1, 2, 3, 4, 10]}, {"sma_3": [NAN, NAN, 2, 3, 17 / 3]}),
        # Seeded with the mean of the first three, then a half of the way to each close.
        ({"ema": {"period": 3}}, {"close": [2, 4, 6, 8]}, {"ema_3": [NAN, NAN, 4, 6]}),
        # Mean gain and loss of the first two changes are 1/2 each; then (1/2 + 2) / 2 and (1/2 + 0) / 2.
        ({"rsi": {"period": 2}}, {"close": [10, 11, 10, 12]}, {"rsi_2": [NAN, NAN, 50, 500 / 6]}),
        # The deviation of 1 and 3 from their mean is 1, of the whole population.
        (
            {"bollinger": {"period": 2, "stddev": 2}},
            {"close": [1, 3]},
            {"bb_upper": [NAN, 4], "bb_middle": [NAN, 2], "bb_lower": [NAN, 0]},
        ),
        # Both averages start at the third close: 3 of the last two, 7/3 of all three; then 17/3 - 14/3 and
        # 83/9 - 47/6. The signal starts with the mean of 2/3 and 1.
        (
            {"macd": {"fast": 2, "slow": 3, "signal": 2}},
            {"close": [1, 2, 4, 7, 11]},
            {
                "macd": [NAN, NAN, NAN, 1, 25 / 18],
                "macd_signal": [NAN, NAN, NAN, 5 / 6, 65 / 54],
                "macd_hist": [NAN, NAN, NAN, 1 / 6, 10 / 54],
            },
        ),
        ({"obv": {}}, {"close": [1, 2, 2, 1], "volume": [10, 20, 30, 40]}, {"obv": [10, 30, 30, -10]}),
        # True ranges 2, 3, 2: their mean of two, then (2.5 + 2) / 2.
        (
            {"atr": {"period": 2}},
            {"high": [3, 4, 6, 6], "low": [1, 2, 3, 4], "close": [2, 3, 5, 4]},
            {"atr_2": [NAN, NAN, 2.5, 2.25]},
        ),
        # The highest high is one bar old, the lowest low is this one.
        (
            {"aroon": {"period": 2}},
            {"high": [1, 3, 2], "low": [1, 2, 0]},
            {"aroon_down": [NAN, NAN, 100], "aroon_up": [NAN, NAN, 50]},
        ),
        ({"sma": {"period": 2, "price": "volume"}}, {"volume": [4, 8]}, {"sma_2_volume": [NAN, 6]}),
        (
            {"sub": {"price0": "close", "price1": "open"}},
            {"open": [1, 5], "close": [3, 4]},
            {"sub_close_open": [2, -1]},
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_small_series_by_hand(
    configuration: dict[str, Any], bars: dict[str, list[float]], expected: dict[str, list[float]]
) -> None:
    values = values_of(configuration, **bars)
    assert list(values) == list(expected)
    for column, numbers in expected.items():
        assert_allclose(values[column], numbers, rtol=1e-12, atol=1e-12)


def test_a_candlestick_is_no_pattern_or_100_and_has_no_value_before_it_can() -> None:
    opened = [10.0] * 11 + [12.0]
    closed = [11.0] * 11 + [12.0]
    prices = {"open": opened, "close": closed, "high": [13.0] * 12, "low": [9.0] * 12}
    (values,) = values_of({"cdldoji": {}}, **prices).values()
    assert_allclose(values, [NAN] * 10 + [0, 100])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_of_talib_gives_what_talibs_own_interface_gives(name: str) -> None:
    bars = random_bars(300)
    function = talib.abstract.Function(name)  # type: ignore[attr-defined]
    direct = function(bars)
    outputs = direct if isinstance(direct, list) else [direct]

    values = indicator_values(parse_indicators({name.lower(): {}}), bars)

    assert len(values) == len(outputs)
    for ours, theirs in zip(values.values(), outputs, strict=True):
        assert ours.dtype == np.float64
        expected = np.where(np.isfinite(theirs), theirs, NAN)
        expected[: function.lookback] = NAN
        assert_allclose(ours, expected, rtol=0)


@pytest.mark.parametrize("count", [0, 1, 2, 13])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_takes_a_series_that_is_too_short(name: str, count: int) -> None:
    (indicator,) = parse_indicators({name: {}})
    for values in indicator_values([indicator], random_bars(count)).values():
        assert values.shape == (count,)
        assert np.isnan(values[: indicator.lookback]).all()
        assert not np.isinf(values).any()


def test_the_first_value_of_the_seed_set_is_where_talib_documents_it() -> None:
    first = {"sma_20": 19, "sma_50": 49, "sma_200": 199, "ema_12": 11, "ema_26": 25, "rsi_14": 14}
    first |= dict.fromkeys(["macd", "macd_signal", "macd_hist"], 33) | dict.fromkeys(
        ["bb_upper", "bb_middle", "bb_lower"], 19
    )
    values = indicator_values(parse_indicators(SEED_SET), random_bars(250))
    assert {name: int(np.flatnonzero(np.isfinite(series))[0]) for name, series in values.items()} == first
    assert all(np.isfinite(series[first[name] :]).all() for name, series in values.items())


def test_a_flat_series_has_rsi_zero_and_bands_on_the_mean() -> None:
    values = values_of(SEED_SET, close=[7.0] * 60)
    assert set(values["rsi_14"][14:]) == {0.0}
    for name in ("bb_upper", "bb_middle", "bb_lower", "ema_12"):
        assert_allclose(values[name][20:], 7.0, rtol=1e-12)
    assert_allclose(values["macd_hist"][33:], 0.0, atol=1e-12)


def test_a_rising_series_has_rsi_100() -> None:
    assert set(values_of({"rsi": {}}, close=list(range(1, 40)))["rsi_14"][14:]) == {100.0}


def test_values_that_are_not_finite_are_no_values() -> None:
    bars = {"high": [1.0, 1.0, 4.0], "low": [0.0, 2.0, 0.0]}
    assert_allclose(values_of({"div": {}}, **bars)["div"], [NAN, 0.5, NAN])


def test_a_hole_in_the_prices_is_no_error() -> None:
    bars = random_bars(80)
    bars["close"][40] = NAN
    values = indicator_values(parse_indicators(SEED_SET), bars)
    assert np.isfinite(values["sma_20"][19:40]).all()
    assert np.isnan(values["sma_20"][40])


def test_arrays_may_be_views_and_of_whole_numbers() -> None:
    whole: Any = np.arange(1, 41, dtype=np.int64)
    (strided,) = indicator_values(parse_indicators({"sma": {"period": 3}}), {"close": whole[::2]}).values()
    assert_allclose(strided[2:], whole[::2][1:-1])
    backwards = {name: values[::-1] for name, values in random_bars(100).items()}
    copied = {name: values.copy() for name, values in backwards.items()}
    indicators = parse_indicators({"stoch": {}, "ad": {}})
    for name, values in indicator_values(indicators, backwards).items():
        assert_allclose(values, indicator_values(indicators, copied)[name], rtol=0)


def test_the_input_stays_as_it_was() -> None:
    bars = random_bars(100)
    before = {name: values.copy() for name, values in bars.items()}
    indicator_values(parse_indicators({**SEED_SET, "cdldoji": {}, "ceil": {}}), bars)
    rule_values(bars)
    assert all((bars[name] == before[name]).all() for name in PRICES)


def test_rules_compare_with_the_20_bars_before() -> None:
    close = np.arange(1.0, 24.0)
    values = rule_values({"close": close, "volume": close * 100})
    assert list(values) == [field.name for field in RULE_FIELDS]
    assert_allclose(values["average_close_20"], [NAN] * 20 + [10.5, 11.5, 12.5])
    assert_allclose(values["average_volume_20"], [NAN] * 20 + [1050, 1150, 1250])
    assert_allclose(values["previous_close"], [NAN, *range(1, 23)])


@pytest.mark.parametrize("count", [0, 1, 19, 20])
def test_rules_have_nothing_to_compare_with_at_first(count: int) -> None:
    values = rule_values(random_bars(count))
    assert all(series.shape == (count,) for series in values.values())
    assert np.isnan(values["average_close_20"]).all()
    assert np.isnan(values["average_volume_20"]).all()
