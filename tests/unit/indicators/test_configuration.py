"""From what users write to indicators, or to an error that says what to write instead."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdstream.errors import ConfigError
from mdstream.indicators import Indicator, indicator_levels, parse_indicators
from tests.unit.indicators.series import SEED_SET


def columns(configuration: dict[str, Any]) -> list[str]:
    return [column for indicator in parse_indicators(configuration) for column in indicator.columns]


def test_the_seed_set_has_the_names_that_users_know() -> None:
    assert columns(SEED_SET) == [
        "sma_20",
        "sma_50",
        "sma_200",
        "ema_12",
        "ema_26",
        "rsi_14",
        "macd",
        "macd_signal",
        "macd_hist",
        "bb_upper",
        "bb_middle",
        "bb_lower",
    ]


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({"adx": {"period": 14}}, ["adx_14"]),
        ({"ADX": {"timeperiod": 7}}, ["adx_7"]),
        ({"adx": None}, ["adx_14"]),
        ({"obv": {}}, ["obv"]),
        ({"sar": {"acceleration": 0.1}}, ["sar"]),
        ({"apo": {"fast": 3, "slow": 9, "matype": "ema"}}, ["apo"]),
        ({"stoch": {}}, ["stoch_slowk", "stoch_slowd"]),
        ({"aroon": {"period": 25}}, ["aroon_down", "aroon_up"]),
        ({"donchian": {}}, ["donchian_upper", "donchian_middle", "donchian_lower"]),
        ({"ha": {}}, ["ha_open", "ha_high", "ha_low", "ha_close"]),
        ({"cdldoji": {}}, ["cdldoji"]),
        ({"vwap": {}}, ["ta_vwap"]),
        ({"sma": {"periods": [5]}}, ["sma_5"]),
        ({"sma": {"period": 20, "price": "volume"}}, ["sma_20_volume"]),
        ({"sma": [{"periods": [20, 50]}, {"period": 20, "price": "volume"}]}, ["sma_20", "sma_50", "sma_20_volume"]),
        ({"correl": {"period": 9, "price1": "close"}}, ["correl_9_high_close"]),
        (
            {"macd": [{}, {"fast": 5, "slow": 35}]},
            ["macd_12_26", "macd_12_26_signal", "macd_12_26_hist", "macd_5_35", "macd_5_35_signal", "macd_5_35_hist"],
        ),
        (
            {"bollinger": {"periods": [20, 50]}},
            ["bb_20_upper", "bb_20_middle", "bb_20_lower", "bb_50_upper", "bb_50_middle", "bb_50_lower"],
        ),
        ({"stddev": [{"nbdev": 1}, {"nbdev": 0.5}]}, ["stddev_5_1", "stddev_5_0_5"]),
        ({"ma": [{"matype": "wma"}, {"matype": 1}]}, ["ma_30_wma", "ma_30_ema"]),
        ({"sarext": [{"startvalue": -1.5}, {}]}, ["sarext_minus1_5", "sarext_0"]),
        ({}, []),
    ],
    ids=str,
)
def test_columns_are_named_after_function_period_and_result(configuration: dict[str, Any], expected: list[str]) -> None:
    assert columns(configuration) == expected


def test_parameters_that_are_not_given_are_talibs_defaults() -> None:
    (macd,) = parse_indicators({"macd": {"signal": 5}})
    assert macd.parameters == (("fastperiod", 12), ("slowperiod", 26), ("signalperiod", 5))
    (bands,) = parse_indicators({"bollinger": {"stddev": 3, "matype": "EMA"}})
    assert bands.parameters == (("timeperiod", 20), ("nbdevup", 3.0), ("nbdevdn", 3.0), ("matype", 1))
    (lopsided,) = parse_indicators({"bbands": {"nbdevup": 1}})
    assert dict(lopsided.parameters)["nbdevdn"] == 2.0


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        ("sma", ("close",)),
        ("obv", ("close", "volume")),
        ("mfi", ("high", "low", "close", "volume")),
        ("bop", ("open", "high", "low", "close")),
        ("beta", ("high", "low")),
    ],
)
def test_functions_read_the_series_that_talib_reads(function: str, inputs: tuple[str, ...]) -> None:
    assert parse_indicators({function: {}})[0].inputs == inputs


def test_levels_become_constants_for_rules() -> None:
    indicators = parse_indicators(
        {
            "rsi": {"periods": [7, 14], "overbought": 70, "oversold": 30.5},
            "stoch": {"overbought": 80},
            "cci": {"oversold": -100},
        }
    )
    assert indicator_levels(indicators) == {
        "rsi_7_overbought": 70.0,
        "rsi_7_oversold": 30.5,
        "rsi_14_overbought": 70.0,
        "rsi_14_oversold": 30.5,
        "stoch_overbought": 80.0,
        "cci_14_oversold": -100.0,
    }


def test_indicators_travel_to_other_processes_and_can_be_keys() -> None:
    indicators = parse_indicators({**SEED_SET, "rsi": {"period": 14, "overbought": 70}})
    assert pickle.loads(pickle.dumps(indicators)) == indicators  # noqa: S301 - our own bytes
    assert len({*indicators, *parse_indicators(SEED_SET)}) == len(indicators) + 1
    assert str(indicators[0]) == "SMA(close, timeperiod=20)"


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"smma": {}}, "'smma' is not a TA-Lib function; did you mean 'sma'?"),
        ({"bolinger": {}}, "'bolinger' is not a TA-Lib function; did you mean 'bollinger'?"),
        ({"": {}}, "'' is not a TA-Lib function; known are: ac, accbands"),
        ({20: {}}, "20 is not a function; expected the name of one of TA-Lib's, e.g. sma"),
        ({"mavp": {}}, "mavp needs a series of periods, which bars do not have; expected another function"),
        ({"sma": {"perod": 20}}, "sma: unknown parameter 'perod'; did you mean 'period'?"),
        ({"sma": {"stddev": 2}}, "sma: unknown parameter 'stddev'; known are: "),
        ({"obv": {"period": 3}}, "obv: unknown parameter 'period'; known are: "),
        ({"obv": {"periods": [3]}}, "obv: unknown parameter 'periods'"),
        ({"macd": {"fastperod": 3}}, "macd: unknown parameter 'fastperod'; did you mean 'fastperiod'?"),
        ({"sma": {1: 2}}, "sma: unknown parameter 1; known are: "),
        ({"sma": {"period": 0}}, "sma: period is 0; expected a whole number from 1 to 100000"),
        ({"rsi": {"period": 1}}, "rsi: period is 1; expected a whole number from 2 to 100000"),
        ({"sma": {"period": 100_001}}, "sma: period is 100001; expected a whole number from 1 to 100000"),
        ({"sma": {"period": -3}}, "sma: period is -3; expected a whole number"),
        ({"sma": {"period": -(2**31)}}, "sma: period is -2147483648; expected a whole number"),
        ({"sma": {"period": 2**31}}, "sma: period is 2147483648; expected a whole number"),
        ({"sma": {"period": 10**5000}}, "sma: period is a number of 16610 bits; expected a whole number"),
        ({"sma": {"period": True}}, "sma: period is True; expected a whole number"),
        ({"sma": {"period": 14.5}}, "sma: period is 14.5; expected a whole number"),
        ({"sma": {"period": float("nan")}}, "sma: period is nan; expected a whole number"),
        ({"sma": {"period": "14"}}, "sma: period is '14'; expected a whole number"),
        ({"sma": {"period": None}}, "sma: period is None; expected a whole number"),
        ({"sma": {"period": [20]}}, "sma: period is [20]; expected a whole number"),
        ({"sma": {"periods": 20}}, "sma: periods is 20; expected a list of periods, e.g. [20, 50]"),
        ({"sma": {"periods": []}}, "sma: periods is []; expected a list of periods"),
        ({"sma": {"periods": [20, "x"]}}, "sma: timeperiod is 'x'; expected a whole number from 1 to 100000"),
        ({"sma": {"periods": [20], "period": 3}}, "sma: the period is given twice; expected either period or periods"),
        ({"sma": {"period": 3, "timeperiod": 3}}, "sma: timeperiod is given twice, once under another name"),
        ({"bollinger": {"stddev": 2, "nbdevup": 1}}, "bollinger: nbdevup is given twice, once under another name"),
        (
            {"sar": {"acceleration": -1}},
            "sar: acceleration is -1, which TA-Lib does not take; expected e.g. its default",
        ),
        ({"sar": {"acceleration": float("inf")}}, "sar: acceleration is inf; expected a number"),
        ({"sar": {"acceleration": 10**400}}, "sar: acceleration is a number of 1329 bits; expected a number"),
        ({"sar": {"acceleration": False}}, "sar: acceleration is False; expected a number"),
        ({"ma": {"matype": "emaa"}}, "ma: matype is 'emaa'; did you mean 'ema'?"),
        ({"ma": {"matype": 77}}, "ma: matype is 77; expected a whole number from 0 to"),
        ({"sma": {"price": "clsoe"}}, "sma: price is 'clsoe'; expected one of open, high, low, close, volume"),
        ({"sma": {"price": ["close"]}}, "sma: price is ['close']; expected one of open"),
        ({"rsi": {"overbought": "70"}}, "rsi: overbought is '70'; expected a number"),
        ({"rsi": {"overbought": 30, "oversold": 70}}, "rsi: oversold is 70; expected less than overbought"),
        ({"rsi": 14}, "rsi: found 14; expected parameters, e.g. {period: 14}"),
        ({"rsi": "period: 14"}, "rsi: found 'period: 14'; expected parameters"),
        ({"rsi": [14]}, "rsi: found 14; expected parameters"),
        ({"rsi": []}, "rsi: found an empty list; expected parameters, or none of the function at all"),
        ({"sma": {"periods": [5, 5]}}, "two indicators would have a column named sma_5"),
        ({"macd": {}, "MACD": {}}, "two indicators would have a column named macd"),
        ({"bollinger": {}, "bbands": {}}, "two indicators would have a column named bb_upper"),
        ({"vwap": {}, "VWAP": {}}, "two indicators would have a column named ta_vwap"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
def test_what_cannot_be_used_is_refused_with_what_to_write(configuration: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_indicators(configuration)
    assert message in str(refused.value)


names = st.sampled_from(["sma", "bollinger", "macd", "rsi", "stoch", "sar", "mavp", "obv", "Correl", "x"]) | st.text()
known_keys = ["period", "periods", "timeperiod", "fast", "slowperiod", "stddev", "nbdevup", "acceleration", "maximum"]
other_keys = ["matype", "slowk_matype", "price", "price0", "overbought", "oversold"]
keys = st.sampled_from([*known_keys, *other_keys]) | st.text(max_size=5) | st.integers() | st.none()
numbers = st.integers(-3, 40) | st.integers() | st.floats()
anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5) | st.sampled_from(["close", "volume", "ema"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)
parameters = st.dictionaries(keys, numbers | anything, max_size=4)
configurations = st.dictionaries(names, parameters | st.lists(parameters, max_size=3) | anything, max_size=3)


@settings(deadline=None, max_examples=400)
@given(configurations)
def test_any_configuration_gives_distinct_columns_or_a_config_error(configuration: dict[str, Any]) -> None:
    try:
        indicators = parse_indicators(configuration)
    except ConfigError:
        return
    assert all(isinstance(indicator, Indicator) for indicator in indicators)
    named = [name for indicator in indicators for name in (*indicator.columns, *dict(indicator.levels))]
    assert len(set(named)) == len(named)
    assert all(name.isidentifier() for name in named)
