"""Says what is wrong with a configuration, as much as one can read."""

from __future__ import annotations

from collections.abc import Sequence

MOST_TOLD = 20
"""So many problems are told at once; of others there is only the number."""


def told(heading: str, problems: Sequence[str]) -> str:
    """Return the text of an error that has several reasons, each on a line of its own.

    Example:
        >>> print(told("it cannot be used:", ["a: unknown key", "b: unknown key"]))
        it cannot be used:
          a: unknown key
          b: unknown key
    """
    left_out = len(problems) - MOST_TOLD
    lines = [*problems[:MOST_TOLD], *([f"and {left_out} more"] if left_out > 0 else [])]
    return "\n".join([heading, *(f"  {line}" for line in lines)])
