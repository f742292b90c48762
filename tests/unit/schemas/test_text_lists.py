"""Lists in text, in the forms that other programs write."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.schemas.text_lists import LIST_PATTERN, codes_of, read_codes, read_symbols, write_codes


@pytest.mark.parametrize(
    "text",
    [
        "12,37", "12;37", "12 37", "12, 37", "12|37", " 12 ; 37 ", "[12,37]", "[12 37]", '["12","37"]', "['12', '37']",
        '["12", 37]', "[12.0, 37.0]", "12.0,37.0", "{12,37}", '{"12","37"}', "(12, 37)", '"12","37"', ";12;;37;",
    ],
)  # fmt: skip
def test_one_list_in_many_forms(text: str) -> None:
    assert read_codes(text) == ["12", "37"]


@pytest.mark.parametrize(
    "text",
    [
        "", ";;", '{"a":1}', "[12,[37]]", "[12", "12]", "12:[37]", '"12', "12''37", "[null]", "None", "nan", "12,nan",
        "[true]", "12.5", "[1.5]", "{12", "a\\b", "((12))",
        "12/37", "12:37", "12-37", "12&37", "12_37", "12.37.41", "[12/37]", "@,12+37",
    ],
)  # fmt: skip
def test_what_is_no_list_of_codes(text: str) -> None:
    assert read_codes(text) is None


@given(st.text(max_size=30))
def test_any_text_is_a_list_or_none(text: str) -> None:
    codes = read_codes(text)
    if codes is not None:
        assert all(isinstance(code, str) for code in codes)
        # What came out can be written and read again.
        assert read_codes(write_codes(codes)) == codes
    if not text.strip().startswith("["):
        assert codes is None or re.fullmatch(LIST_PATTERN, text.strip())


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=5))
def test_codes_survive_being_written(codes: list[str]) -> None:
    assert read_codes(write_codes(codes)) == codes


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
                    max_leaves=6))  # fmt: skip
def test_any_json_is_codes_or_none(value: object) -> None:
    codes = codes_of(value)
    assert codes is None or all(isinstance(code, str) for code in codes)


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("AAPL,MSFT", ("AAPL", "MSFT")),
        ("AAPL;MSFT;", ("AAPL", "MSFT")),
        ("AAPL MSFT\nTSLA", ("AAPL MSFT", "TSLA")),
        ("AAPL  MSFT", ("AAPL", "MSFT")),
        ('["BRK/B", "M&M"]', ("BRK/B", "M&M")),
        ("SPXW  240506C05100000 /ESM24", ("SPXW  240506C05100000", "/ESM24")),
        ("", ()),
    ],
)
def test_symbols(text: str, symbols: tuple[str, ...]) -> None:
    assert read_symbols(text) == symbols
