from __future__ import annotations

from collections.abc import Mapping

import pytest

from mdstream.errors import InvalidInputError
from mdstream.feeds.sources import check_sources
from mdstream.schemas.sources import PrimarySources

UNDECIDED = PrimarySources.parse(None)


@pytest.mark.parametrize(
    "symbols_of",
    [
        {"massive": ["AAPL"]},
        {"massive": ["*"]},
        {"massive": ["AAPL"], "binance": ["BTCUSDT"]},
    ],
)
def test_feeds_without_a_symbol_in_common_need_no_decision(symbols_of: Mapping[str, list[str]]) -> None:
    check_sources(symbols_of, UNDECIDED)


@pytest.mark.parametrize(
    ("symbols_of", "message"),
    [
        ({"massive": ["AAPL", "MSFT"], "fmp": ["TSLA", "MSFT"]}, "MSFT may come from massive and fmp: say in ticks"),
        ({"massive": ["*"], "fmp": ["TSLA"]}, "TSLA may come from massive and fmp"),
        ({"massive": ["*"], "replay": []}, "all others may come from massive and replay"),
    ],
)
def test_a_symbol_of_two_feeds_needs_a_decision(symbols_of: Mapping[str, list[str]], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        check_sources(symbols_of, UNDECIDED)


@pytest.mark.parametrize("configured", ["all", "massive", {"MSFT": "fmp"}, {"MSFT": "all"}, {"*": "massive"}])
def test_any_decision_will_do(configured: str | dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    check_sources({"massive": ["AAPL", "MSFT"], "fmp": ["MSFT"]}, PrimarySources.parse(configured))
    assert not caplog.records


def test_a_decision_for_a_feed_that_does_not_run_is_said(caplog: pytest.LogCaptureFixture) -> None:
    check_sources({"fmp": ["MSFT"], "binance": ["BTCUSDT"]}, PrimarySources.parse({"MSFT": "masive"}))
    assert [record.getMessage() for record in caplog.records] == [
        "ticks.primary_source: bars of MSFT are made of masive, not of fmp"
    ]
