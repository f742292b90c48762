"""Frames of any kind, for what must not fail on any."""

from __future__ import annotations

import orjson
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy


def any_frames(*keys: str) -> SearchStrategy[bytes]:
    """Return bytes and JSON, whose objects often have some of the `keys` that a vendor's messages have."""
    json = st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(keys), inner),
        max_leaves=8,
    )
    return st.binary() | json.map(orjson.dumps)
