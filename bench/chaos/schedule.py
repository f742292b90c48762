"""Which faults come when: by the seed alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

JOBS = "jobs"
SERVING = ("api", "websocket", "alerts")
_OUTAGES = ("kafka", "postgres", "redis")
_BESIDE_SHARE = 0.7
_EARLY_SHARE = 0.2
_LONGEST_LIFE_SECONDS = 14.0


class Kind(StrEnum):
    """What is done to a process or server."""

    KILL = "SIGKILL"
    PAUSE = "SIGSTOP and SIGCONT"
    OUTAGE = "crash, down for a while"
    TEAR = "SIGKILL, and a checkpoint's last file torn"
    DEPLOY = "SIGTERM, and started again"


@dataclass(frozen=True)
class Fault:
    """One of them.

    Attributes:
        kind: What is done.
        target: To whom.
        after_seconds: How long after the moment that it waits for.
        lasts_seconds: How long the pause or the outage is.
        when_up: It waits until the live engine writes; otherwise it may meet it while it starts.
    """

    kind: Kind
    target: str
    after_seconds: float
    lasts_seconds: float = 0.0
    when_up: bool = True


def schedule(seed: int) -> Iterator[Fault]:
    """Yield faults without end: each round ends the jobs once, mostly by SIGKILL, and often has a fault before that.

    Example:
        >>> next(schedule(7)) == next(schedule(7))
        True
    """
    random = Random(f"faults {seed}")
    while True:
        if random.random() < _BESIDE_SHARE:
            yield _beside(random)
        yield _end_of_jobs(random)


def _beside(random: Random) -> Fault:
    after = random.uniform(0, 5)
    kind = random.choices((Kind.OUTAGE, Kind.PAUSE, Kind.KILL), (6, 3, 2))[0]
    if kind is Kind.OUTAGE:
        return Fault(kind, random.choice(_OUTAGES), after, random.uniform(1, 15))
    if kind is Kind.PAUSE:
        return Fault(kind, random.choice((JOBS, *_OUTAGES, *SERVING)), after, random.uniform(5, 20))
    return Fault(kind, random.choice(SERVING), after)


def _end_of_jobs(random: Random) -> Fault:
    after = random.uniform(0, _LONGEST_LIFE_SECONDS)
    kind = random.choices((Kind.KILL, Kind.TEAR, Kind.DEPLOY), (10, 1, 1))[0]
    return Fault(kind, JOBS, after, when_up=kind is not Kind.KILL or random.random() >= _EARLY_SHARE)
