"""Says what is wrong with a configuration, as much as one can read."""

from __future__ import annotations

from collections.abc import Sequence

MOST_LISTED = 20
"""So many problems are listed at once; of others there is only the number."""


def problem_list(heading: str, problems: Sequence[str]) -> str:
    """Return the text of an error that has several reasons, each on a line of its own.

    Example:
        >>> print(problem_list("it cannot be used:", ["a: unknown key", "b: unknown key"]))
        it cannot be used:
          a: unknown key
          b: unknown key
    """
    left_out = len(problems) - MOST_LISTED
    lines = [*problems[:MOST_LISTED], *([f"and {left_out} more"] if left_out > 0 else [])]
    return "\n".join([heading, *(f"  {line}" for line in lines)])
