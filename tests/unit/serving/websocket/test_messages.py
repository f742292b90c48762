from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.serving.websocket.messages import RefusedMessageError, Subscribe, encode_error, parse_message

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
FIELDS = st.fixed_dictionaries(
    {"type": st.sampled_from(["subscribe", "unsubscribe", "ping", "auth"]) | JSON},
    optional={name: JSON | st.lists(st.text()) for name in ("symbols", "channels", "windows", "key", "other")},
)


@given(st.text() | st.binary() | JSON.map(json.dumps) | FIELDS.map(json.dumps))
def test_any_message_is_read_or_refused_with_an_answer_that_is_json(text: str | bytes) -> None:
    try:
        message = parse_message(text)
    except RefusedMessageError as exc:
        answer = json.loads(encode_error(exc.code, str(exc)))
        assert answer["message"]
        assert len(answer["message"]) < 1_000
    else:
        assert message.type in {"subscribe", "unsubscribe", "ping", "auth"}


def test_a_subscription_as_it_should_be() -> None:
    message = parse_message('{"type":"subscribe","symbols":["BTC/USD","*"],"channels":["bar"],"windows":["5min"]}')

    assert isinstance(message, Subscribe)
    assert (message.symbols, message.channels, message.windows) == (["BTC/USD", "*"], ["bar"], ["5min"])


def test_a_key_is_in_no_answer() -> None:
    with pytest.raises(RefusedMessageError) as caught:
        parse_message('{"type":"auth","key":"mds_secret","extra":"mds_secret"}')

    assert "mds_secret" not in str(caught.value)
    assert "mds_secret" not in repr(parse_message('{"type":"auth","key":"mds_secret"}'))
