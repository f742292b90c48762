"""What servers that others connect to count, in prometheus-client's own registry."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

REFUSED = Counter(
    "serving_refused_total",
    "Connections and requests that were refused, by what they were refused for",
    ["server", "reason"],
)
"""Labels: `server` is rest, websocket or dashboard; `reason` one of a few words, never what a client sent."""

CONNECTIONS = Gauge("serving_connections", "Open connections of clients", ["server"])
"""Label: `server` as in `REFUSED`."""
