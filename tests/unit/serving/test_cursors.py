from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.serving.rest.cursors import decode_cursor, encode_cursor
from mdstream.stores.timescaledb.series import Position

TICKS = ("stored tick", "AAPL", "desc")
TWO = (int, int)
NO_NUL = st.characters(codec="utf-8", exclude_characters="\0")
HALF_PAST_NINE = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)


def handmade(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.text(NO_NUL), max_size=3),
)
def test_returns_the_position(moment: datetime, rest: list[int | str]) -> None:
    position: Position = (moment, *rest)
    kinds = [type(value) for value in rest]
    assert decode_cursor(TICKS, encode_cursor(TICKS, position), kinds) == position


def test_fits_into_a_url_as_it_is() -> None:
    cursor = encode_cursor(TICKS, (HALF_PAST_NINE, 2**31 - 1, 2**63 - 1))
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    "series",
    [
        ("stored tick", "MSFT", "desc"),
        ("stored tick", "AAPL", "asc"),
        ("bar", "AAPL", "desc"),
        ("stored tick", "AAPL"),
    ],
)
def test_is_good_for_its_own_series_only(series: tuple[str, ...]) -> None:
    cursor = encode_cursor(TICKS, (HALF_PAST_NINE, 0, 1))
    with pytest.raises(ValueError, match="not a cursor of this series"):
        decode_cursor(series, cursor, TWO)


@pytest.mark.parametrize(
    "content",
    [
        [*TICKS, 1381152600000000, 0],
        [*TICKS, 1381152600000000, 0, 1, 2],
        [*TICKS, "1381152600000000", 0, 1],
        [*TICKS, 1381152600000000, 0.5, 1],
        [*TICKS, True, 0, 1],
        [*TICKS, None, 0, 1],
        [*TICKS, [1], 0, 1],
        [*TICKS, 2**62, 0, 1],
        [*TICKS, 1381152600000000, 2**63, 1],
        [*TICKS, 1381152600000000, 0, -(2**63) - 1],
        [],
        {},
        "text",
        None,
        7,
    ],
)
def test_refuses_forgeries(content: object) -> None:
    with pytest.raises(ValueError, match="not a cursor of this series"):
        decode_cursor(TICKS, handmade(content), TWO)


@pytest.mark.parametrize("content", [["1min\0", "penny"], ["1min", 7], [7, "penny"], ["1min", None], ["1min"]])
def test_refuses_forged_texts(content: list[object]) -> None:
    with pytest.raises(ValueError, match="not a cursor of this series"):
        decode_cursor(("anomaly",), handmade(["anomaly", 1381152600000000, *content]), (str, str))


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_refuses_anything_else(text: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        decode_cursor(TICKS, text, TWO)
