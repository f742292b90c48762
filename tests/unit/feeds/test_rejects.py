"""Dead letters hold the input as it was."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdstream.feeds.rejects import Reject, as_text, encode_dead_letter
from mdstream.schemas import DEAD_LETTER
from mdstream.schemas.limits import MAX_DEAD_LETTER_BYTES


@settings(deadline=None)
@given(st.binary() | st.text().map(str.encode) | st.binary().map(b"base64:".__add__))
def test_the_payload_can_be_had_back(payload: bytes) -> None:
    letter = json.loads(encode_dead_letter(Reject("not JSON", payload), "replay", 1_000_000))
    assert set(letter) == set(DEAD_LETTER.schema.names)
    text = letter["payload"]
    back = base64.b64decode(text.removeprefix("base64:")) if text.startswith("base64:") else text.encode()
    assert back == payload
    assert (letter["source"], letter["reason"], letter["received_time"]) == ("replay", "not JSON", 1_000_000)


def test_text_stays_readable() -> None:
    assert as_text('{"symbol":"Ä"}'.encode()) == '{"symbol":"Ä"}'


@pytest.mark.parametrize("byte", [b"x", b"\x00", b"\xff", "€".encode()])
def test_what_is_too_long_for_the_topic_is_cut_and_says_so(byte: bytes) -> None:
    encoded = encode_dead_letter(Reject("not JSON", byte * (MAX_DEAD_LETTER_BYTES + 1)), "replay", 0)
    assert len(encoded) < MAX_DEAD_LETTER_BYTES
    letter = json.loads(encoded)
    assert letter["reason"] == "not JSON (only the first 1048576 characters are kept)"
    assert len(letter["payload"]) == 1_048_576


def test_a_megabyte_is_kept_whole() -> None:
    payload = b"y" * 1_000_000
    letter = json.loads(encode_dead_letter(Reject("not JSON", payload), "replay", 0))
    assert letter["payload"].encode() == payload
