"""Records of the topic are alerts, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.alerting import Alert
from mdstream.alerting.alert import parse_alert
from mdstream.schemas.checking import MalformedRecordError
from tests.unit.alerting.alerts import NOON, alert, wire


def test_a_record_is_read() -> None:
    found = alert(detected_time=NOON)

    assert parse_alert(wire(found)) == found
    assert found.title == "AAPL price_spike, 1min bar of 2026-01-02 12:00:00 UTC"


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"no json",
        b"[]",
        b"\xff",
        wire(alert(), symbol=None),
        wire(alert(), severity=3),
        wire(alert(), window_start="2026-01-02"),
        wire(alert(), detected_time=None),
        wire(alert(), window_start=10**18),
        wire(alert(), window_start=1.5),
    ],
)
def test_what_is_no_anomaly_is_refused(value: bytes | None) -> None:
    with pytest.raises(MalformedRecordError, match="anomaly"):
        parse_alert(value)


@given(
    st.binary()
    | st.dictionaries(
        st.sampled_from(["symbol", "rule", "severity", "window", "message", "window_start", "detected_time"]),
        st.text() | st.integers(-(10**20), 10**20) | st.none() | st.floats() | st.booleans() | st.lists(st.integers()),
    ).map(lambda fields: wire(alert(), **fields))
)
def test_any_record_is_an_alert_or_refused(value: bytes) -> None:
    try:
        found = parse_alert(value)
    except MalformedRecordError:
        return
    assert isinstance(found, Alert)
    assert isinstance(found.sent_key, str)


def test_revisions_of_a_bar_are_one_anomaly() -> None:
    first, later = alert(), alert(message="further up", severity="critical")

    assert first.sent_key == later.sent_key
    assert first.sent_key != alert(window="5min").sent_key
    assert first.cooldown_key == alert(window="5min").cooldown_key
    assert first.cooldown_key != alert(symbol="MSFT").cooldown_key
    assert first.cooldown_key != alert(rule="volume_spike").cooldown_key
