"""A clock that goes only when someone waits."""

from __future__ import annotations

import asyncio


class ManualClock:
    """Time that passes by waiting, and by `cost` seconds each time it is looked at."""

    def __init__(self, micros: int = 1_800_000_000_000_000, cost: float = 0.0) -> None:
        self.started = micros
        self.elapsed = 0.0
        self.cost = cost
        self.waits: list[float] = []

    def micros(self) -> int:
        return self.started + round(self.elapsed * 1e6)

    def seconds(self) -> float:
        self.elapsed += self.cost
        return self.elapsed

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        self.waits.append(seconds)
        if not wake.is_set():
            self.elapsed += seconds
        await asyncio.sleep(0)
