"""What `mdstream doctor` finds out about one part of the system."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """The state of one thing that mdstream needs.

    Attributes:
        component: What was looked at, e.g. `Kafka`.
        where: Address or path where it was looked for.
        reachable: Whether it is there and answers.
        version: What it says it is.
        details: What was found in order, or may be known.
        missing: What was not found, or not as it must be.
        fixes: What to do about it, in order.
    """

    component: str
    where: str
    reachable: bool
    version: str = ""
    details: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether mdstream can work with it as it is."""
        return self.reachable and not self.missing
