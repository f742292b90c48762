"""What the server counts, for Prometheus."""

from __future__ import annotations

from enum import StrEnum

from prometheus_client import CollectorRegistry

from mdstream.telemetry import metrics


class Refusal(StrEnum):
    """Why a connection or a message was refused."""

    HALF_OPEN = "half_open"
    NOT_WEBSOCKET = "not_websocket"
    HOST = "host"
    ORIGIN = "origin"
    KEY = "key"
    CONNECTIONS = "connections"
    OVERSIZE = "oversize"
    HEAD = "head"
    MESSAGE_RATE = "message_rate"
    SUBSCRIPTIONS = "subscriptions"
    MESSAGE = "message"


class Counters:
    """The server's metrics.

    Args:
        registry: Where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.clients = metrics.WEBSOCKET_CLIENTS.register(registry)
        self.frames_sent = metrics.WEBSOCKET_FRAMES_SENT.register(registry)
        self.frames_conflated = metrics.WEBSOCKET_FRAMES_CONFLATED.register(registry)
        self.stalled = metrics.WEBSOCKET_STALLED.register(registry)
        self.refused = metrics.WEBSOCKET_REFUSED.register(registry)
        self.records = metrics.WEBSOCKET_RECORDS.register(registry)
        self.unreadable = metrics.WEBSOCKET_UNREADABLE.register(registry)
        self.kafka_up = metrics.WEBSOCKET_KAFKA_UP.register(registry)
        self.latency = metrics.PROCESSING_LATENCY.register(registry).labels("client")
        for reason in Refusal:
            self.refused.labels(reason)

    def refuse(self, reason: Refusal) -> None:
        """Count a refusal."""
        self.refused.labels(reason).inc()
