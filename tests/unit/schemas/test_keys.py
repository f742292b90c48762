from __future__ import annotations

from mdstream.schemas.keys import bar_key, indicators_key, latest_price_key, predictions_key


def test_keys_are_those_that_users_build_on() -> None:
    assert latest_price_key("BTC/USD") == "latest_price:BTC/USD"
    assert bar_key("X:BTC-USD", "1min") == "aggregated:X:BTC-USD:1min"
    assert (indicators_key("AAPL"), predictions_key("AAPL")) == ("indicators:AAPL", "predictions:AAPL")
