"""What is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple

Kind = Literal["lost", "doubled", "back", "wrong"]


class Violation(NamedTuple):
    """An invariant that does not hold.

    Attributes:
        kind: lost, doubled, went back, or otherwise wrong.
        what: Where, what was found and what was expected.
    """

    kind: Kind
    what: str


def summary(faults: int, ticks: int, violations: Iterable[Violation]) -> str:
    """Return the last line of a run.

    Example:
        >>> summary(3, 1000, [Violation("lost", "a tick")])
        'faults 3, ticks 1000, lost 1, doubled 0, back 0, wrong 0'
    """
    counts = Counter(violation.kind for violation in violations)
    named = ", ".join(f"{kind} {counts[kind]}" for kind in ("lost", "doubled", "back", "wrong"))
    return f"faults {faults}, ticks {ticks}, {named}"
