"""What servers that others connect to count, in prometheus-client's own registry."""

from __future__ import annotations

from mdstream.telemetry import metrics

REFUSED = metrics.REFUSED.register()
"""Labels: `server` is rest, websocket or dashboard; `reason` one of a few words, never what a client sent."""

CONNECTIONS = metrics.CONNECTIONS.register()
"""Label: `server` as in `REFUSED`."""
