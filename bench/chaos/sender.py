"""Puts ticks into Kafka and notes where each has come to lie."""

from __future__ import annotations

import threading
import time
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from bench.chaos.model import Trade
from bench.chaos.ticks import Draft, Tape
from mdstream.schemas import TICK

_PATIENCE_MS = 900_000
_PAUSE_SECONDS = 0.01


class Sender:
    """Sends at a steady rate, in a thread, whatever becomes of the broker.

    Attributes:
        trades: The ticks that the broker has taken.
        values: What lies where, by partition and offset.
        refused: Payloads that are no ticks, with the reason why.
        failed: What the broker has not taken.
    """

    def __init__(self, servers: str, tape: Tape, rate: float) -> None:
        self.trades: list[Trade] = []
        self.values: dict[tuple[int, int], bytes] = {}
        self.refused: dict[str, str] = {}
        self.failed: list[str] = []
        self._tape = tape
        self._rate = rate
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "enable.idempotence": True,
                "linger.ms": 2,
                "message.timeout.ms": _PATIENCE_MS,
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,
            }
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send_steadily)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Send no more; what was made is with the broker when this returns, or counts as failed."""
        self._stop.set()
        self._thread.join()
        left = self._producer.flush(_PATIENCE_MS / 1000)
        if left:
            self.failed.append(f"{left} ticks were not taken by the broker")

    def close_bars(self) -> int:
        """Send a tick of each symbol; they are with the broker when this returns. Return their time in microseconds."""
        now = time.time_ns() // 1000
        for draft in self._tape.last(now):
            self._send(draft)
        self._producer.flush(60)
        return now

    def _send_steadily(self) -> None:
        began, made = time.monotonic(), 0
        while not self._stop.wait(_PAUSE_SECONDS):
            due = int((time.monotonic() - began) * self._rate)
            for _ in range(made, due):
                for draft in self._tape.next(time.time_ns() // 1000):
                    self._send(draft)
            made = due
            self._producer.poll(0)

    def _send(self, draft: Draft) -> None:
        def done(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self.failed.append(f"not taken by the broker: {error.str()}")
            else:
                self._note(draft, int(message.partition() or 0), int(message.offset() or 0))

        self._producer.produce(TICK.topic_name, draft.value, draft.key, on_delivery=done)

    def _note(self, draft: Draft, partition: int, offset: int) -> None:
        self.values[partition, offset] = draft.value
        if draft.tick is None:
            self.refused[draft.value.decode()] = str(draft.reason)
        else:
            self.trades.append(trade_of(draft.tick, partition, offset))


def trade_of(tick: dict[str, Any], partition: int, offset: int) -> Trade:
    """Return a tick's fields with its place in Kafka."""
    return Trade(
        partition,
        offset,
        tick["symbol"],
        tick["price"],
        tick["size"],
        tick["event_time"],
        tick["ingest_time"],
        tick.get("sequence"),
        counts="cancel" not in tick.get("conditions", ()),
    )
