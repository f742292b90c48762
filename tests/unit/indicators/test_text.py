"""Indicators written as text, and what is said of those that are not."""

from __future__ import annotations

import pytest

from mdstream.errors import ConfigError
from mdstream.indicators import IndicatorsLike, parse_indicators, read_indicators

SMA = parse_indicators({"sma": {"period": 20}})


@pytest.mark.parametrize(
    ("given", "configured"),
    [
        ("rsi(14)", {"rsi": {"period": 14}}),
        (" RSI ( 14 ) ", {"rsi": {"period": 14}}),
        ("rsi", {"rsi": {}}),
        (["sma(20)", "sma(50)", "ema(12)"], {"sma": {"periods": [20, 50]}, "ema": {"period": 12}}),
        ("macd(12, 26, 9), rsi(14)", {"macd": {"fast": 12, "slow": 26, "signal": 9}, "rsi": {"period": 14}}),
        ("macd(5, signal=3)", {"macd": {"fastperiod": 5, "signalperiod": 3}}),
        ("bbands(20, stddev=2.5)", {"bollinger": {"period": 20, "stddev": 2.5}}),
        ("bollinger(20, 2, 2, ema)", {"bollinger": {"period": 20, "stddev": 2, "matype": "ema"}}),
        ("sma(50, price=volume)", {"sma": {"period": 50, "price": "volume"}}),
        ("rsi(14, overbought=70)", {"rsi": {"period": 14, "overbought": 70}}),
        ([*SMA, "rsi(14)"], {"sma": {"period": 20}, "rsi": {"period": 14}}),
        ({"rsi": {"period": 14}}, {"rsi": {"period": 14}}),
        ([], {}),
    ],
    ids=str,
)
def test_text_says_what_the_configuration_says(given: IndicatorsLike, configured: dict[str, object]) -> None:
    assert read_indicators(given) == parse_indicators(configured)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rsi14", "did you mean 'rsi(14)'?"),
        ("rsi_14", "did you mean 'rsi(14)'?"),
        ("rsi 14", "did you mean 'rsi(14)'?"),
        ("rssi(14)", "did you mean 'rsi(14)'?"),
        ("RSI(14", "did you mean 'rsi(14)'?"),
        ("macd 12 26 9", "did you mean 'macd(12, 26, 9)'?"),
        ("", "expected e.g. 'rsi(14)'"),
        ("xyzzy(3)", "expected the name of one of TA-Lib's functions"),
        ("rsi(14, 2)", "more values than parameters; expected rsi(timeperiod=…)"),
        ("rsi(14, period=3)", "period is given twice"),
        ("rsi(perod=14)", "unknown parameter 'perod'; did you mean 'period'?"),
        ("rsi(period=)", "has no value for period"),
        ("sma(price=close, 20)", "behind a named value"),
        ("rsi(0)", "expected a whole number from 2"),
        (["rsi(14)", *parse_indicators({"rsi": {"period": 14}})], "two indicators would have a column named rsi_14"),
        ([14], "found 14; expected an indicator or its text"),
    ],
    ids=str,
)
def test_the_nearest_right_form_is_shown(text: IndicatorsLike, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_indicators(text)
    assert message in str(caught.value)
