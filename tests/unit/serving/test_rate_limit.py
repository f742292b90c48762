from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.serving import rate_limit
from mdstream.serving.rate_limit import RateLimiter, site_of


def allowed(limiter: RateLimiter, client: str, *times: float) -> list[bool]:
    return [limiter.wait(client, now) == 0 for now in times]


def test_a_burst_and_then_the_rate() -> None:
    limiter = RateLimiter(per_second=10, burst=3)

    assert allowed(limiter, "a", 5.0, 5.0, 5.0, 5.0, 5.05) == [True, True, True, False, False]
    assert limiter.wait("a", 5.05) == pytest.approx(0.05)
    assert allowed(limiter, "a", 5.1, 5.1) == [True, False]
    # Full again after 0.3 s without a request, and no fuller after an hour.
    assert allowed(limiter, "a", 3600.0, 3600.0, 3600.0, 3600.0) == [True, True, True, False]


def test_whoever_waits_as_told_is_let_in() -> None:
    limiter = RateLimiter(per_second=3, burst=1)
    now = 1e6
    for _ in range(100):
        assert limiter.wait("a", now) == 0
        now += limiter.wait("a", now)


def test_clients_do_not_share() -> None:
    limiter = RateLimiter(per_second=1, burst=1)

    assert [allowed(limiter, client, 1.0, 1.0) for client in "ab"] == [[True, False], [True, False]]


def test_the_least_recent_of_too_many_clients_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "_MOST_CLIENTS", 2)
    limiter = RateLimiter(per_second=0.001, burst=2)

    for client in ("a", "b", "a", "c"):
        assert limiter.wait(client, 1.0) == 0

    assert limiter.wait("a", 1.0) > 0
    assert len(limiter._full_at) == 2


@given(st.floats(0.1, 1e5), st.integers(1, 1000), st.lists(st.floats(0, 5), min_size=1, max_size=200).map(sorted))
def test_never_more_than_the_burst_and_what_the_time_brings(rate: float, burst: int, times: list[float]) -> None:
    limiter = RateLimiter(rate, burst)

    taken = sum(allowed(limiter, "a", *times))

    assert taken <= burst + (times[-1] - times[0]) * rate + 1
    assert taken >= min(len(times), burst)


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a:b", "a:b"),
        ("unix:", "unix:"),
    ],
)
def test_a_network_of_ipv6_is_one_client(address: str, site: str) -> None:
    assert site_of(address) == site
