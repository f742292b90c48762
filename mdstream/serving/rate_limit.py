"""How often a client may ask: token buckets, one a client."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

_MOST_CLIENTS = 10_000
_SITE_BITS = 64


class RateLimiter:
    """Lets each client ask `per_second` times a second over time, and up to `burst` times at once.

    The bucket of a client is one number, the time at which it is full again. Of more than 10,000 clients the ones
    that were not heard of for longest are forgotten, which is to say that their buckets are full.

    Args:
        per_second: Requests a second that fill up the bucket.
        burst: Requests that a full bucket holds.

    Example:
        >>> limiter = RateLimiter(per_second=2, burst=2)
        >>> [limiter.wait("desk", now=100.0) for _ in range(3)], limiter.wait("desk", now=100.5)
        ([0.0, 0.0, 0.5], 0.0)
    """

    def __init__(self, per_second: float, burst: int) -> None:
        self._interval = 1 / per_second
        self._depth = burst * self._interval
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, client: str, now: float) -> float:
        """Take a token from the bucket of `client`.

        Args:
            client: Who asks.
            now: The time, by a clock that never goes back, in seconds.

        Returns:
            0 if there was one; else no token is taken, and the seconds are returned after which there will be.
        """
        full_at = max(self._full_at.get(client, now), now) + self._interval
        wait = full_at - now - self._depth
        # The sums are of times of day: nanoseconds are lost on the way.
        if wait > self._interval / 1000:
            return wait
        self._full_at[client] = full_at
        self._full_at.move_to_end(client)
        if len(self._full_at) > _MOST_CLIENTS:
            self._full_at.popitem(last=False)
        return 0.0


def site_of(address: str) -> str:
    """Return what stands for one client among addresses: a whole network of IPv6, which one client has to itself.

    Example:
        >>> site_of("192.0.2.7"), site_of("2001:db8:1:2:3:4:5:6")
        ('192.0.2.7', '2001:db8:1:2::/64')
    """
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], _SITE_BITS), strict=False))
    except ValueError:
        return address
