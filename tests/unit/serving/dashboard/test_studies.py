"""Where indicators are drawn: TA-Lib's own word, held against what chartists know."""

from __future__ import annotations

from typing import Any

import pytest

from mdstream.config import Settings
from mdstream.indicators import parse_indicators
from mdstream.serving.dashboard.studies import Study, groups_of, study_of


def studies(configuration: dict[str, Any]) -> list[Study]:
    return [study_of(indicator) for indicator in parse_indicators(configuration)]


@pytest.mark.parametrize(
    ("configuration", "on_prices"),
    [
        ({"sma": {"period": 20}}, True),
        ({"ema": {"period": 12}}, True),
        ({"bollinger": {}}, True),
        ({"sar": {}}, True),
        ({"sma": {"period": 20, "price": "volume"}}, False),
        ({"rsi": {"period": 14}}, False),
        ({"macd": {}}, False),
        ({"stoch": {}}, False),
        ({"atr": {"period": 14}}, False),
        ({"obv": {}}, False),
        ({"adx": {"period": 14}}, False),
        ({"cdlengulfing": {}}, False),
    ],
)
def test_lies_on_the_prices_or_has_a_pane(configuration: dict[str, Any], on_prices: bool) -> None:
    assert [study.on_prices for study in studies(configuration)] == [on_prices]


def test_lines_histograms_bands_and_levels() -> None:
    configuration = {"macd": {}, "bollinger": {}, "rsi": {"overbought": 80, "oversold": 20}, "cdldoji": {}}
    macd, bands, rsi, pattern = studies(configuration)
    assert [line.drawing for line in macd.lines] == ["line", "dashed", "histogram"]
    assert [(line.column, line.drawing) for line in bands.lines] == [
        ("bb_upper", "upper"),
        ("bb_middle", "line"),
        ("bb_lower", "lower"),
    ]
    assert [*rsi.levels] == [80, 20]
    assert [line.drawing for line in pattern.lines] == ["histogram"]


def test_labels_tell_uses_of_a_function_apart() -> None:
    labels = [study.label for study in studies({"sma": {"periods": [20, 50]}, "bollinger": [{}, {"period": 50}]})]
    assert labels[:2] == ["SMA 20", "SMA 50"]
    assert len(set(labels)) == 4


def test_what_is_shown_at_first_follows_the_configuration() -> None:
    settings = Settings()
    all_studies = [study_of(indicator) for indicator in settings.indicators]
    groups, shown = groups_of(all_studies, settings.serving.dashboard.studies)
    assert groups == ["SMA", "EMA", "RSI", "MACD", "BB"]
    assert shown == ["SMA", "RSI", "MACD", "BB"]
    assert groups_of(all_studies, ["ADX", "Ema"])[1] == ["EMA"]
