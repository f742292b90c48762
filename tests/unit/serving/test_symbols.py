from __future__ import annotations

from mdstream.serving.rest.symbols import nearest


def test_the_most_similar_first_then_the_others_in_their_order() -> None:
    assert nearest("APPL", ["AAPL", "AMZN", "GOOGL", "MSFT"]) == ["AAPL", "AMZN", "GOOGL", "MSFT"]
    assert nearest("MFST", ["AAPL", "AMZN", "GOOGL", "MSFT"]) == ["MSFT", "AAPL", "AMZN", "GOOGL"]


def test_upper_and_lower_case_are_alike() -> None:
    assert nearest("googl", ["AAPL", "AMZN", "GOOGL"])[0] == "GOOGL"
    assert nearest("btc/usd", ["AAPL", "BTC/USD"])[0] == "BTC/USD"


def test_symbols_that_differ_in_case_only_are_both_listed() -> None:
    assert nearest("brka", ["BRKA", "BRKa"]) == ["BRKa", "BRKA"]


def test_at_most_twenty() -> None:
    known = [f"S{number:03}" for number in range(100)]

    found = nearest("S099", known)

    assert len(found) == 20
    assert found[0] == "S099"


def test_nothing_is_known() -> None:
    assert nearest("AAPL", []) == []
