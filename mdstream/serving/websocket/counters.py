"""What the server counts, for Prometheus."""

from __future__ import annotations

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_MILLISECONDS = (1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 250, 500, 1_000, 2_500, 5_000, 10_000)


class Refusal(StrEnum):
    """Why a connection or a message was refused."""

    HALF_OPEN = "half_open"
    NOT_WEBSOCKET = "not_websocket"
    HOST = "host"
    ORIGIN = "origin"
    KEY = "key"
    CONNECTIONS = "connections"
    OVERSIZE = "oversize"
    MESSAGE_RATE = "message_rate"
    SUBSCRIPTIONS = "subscriptions"
    MESSAGE = "message"


class Counters:
    """The server's metrics.

    Args:
        registry: Where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.clients = Gauge("websocket_clients", "Clients that are connected.", registry=registry)
        self.frames_sent = Counter("websocket_frames_sent", "Records handed out to clients.", registry=registry)
        self.frames_conflated = Counter(
            "websocket_frames_conflated", "Records that a newer one replaced before it was sent.", registry=registry
        )
        self.stalled = Counter(
            "websocket_clients_stalled", "Clients disconnected because they took nothing.", registry=registry
        )
        self.refused = Counter(
            "websocket_refused", "Connections and messages refused, by reason.", ["reason"], registry=registry
        )
        self.records = Counter("websocket_records_read", "Records read from Kafka.", ["topic"], registry=registry)
        self.unreadable = Counter(
            "websocket_records_unreadable", "Records that are not what their topic holds.", ["topic"], registry=registry
        )
        self.kafka_up = Gauge("websocket_kafka_up", "Whether Kafka answers: 1 or 0.", registry=registry)
        self.latency = Histogram(
            "processing_latency_seconds",
            "From the arrival of the tick behind a record to its frame's being handed out to all who keep up.",
            ["point"],
            registry=registry,
            buckets=[milliseconds / 1_000 for milliseconds in _MILLISECONDS],
        ).labels("client")
        for reason in Refusal:
            self.refused.labels(reason)

    def refuse(self, reason: Refusal) -> None:
        """Count a refusal."""
        self.refused.labels(reason).inc()
