"""Condition codes that mdstream itself puts on ticks, behind those of their source."""

from __future__ import annotations

CANCEL = "cancel"
"""No trade that counts: it was cancelled later, or it is the record of a cancel. Kept in `tick_data`, in no bar."""

WHOLE_BAR = "bar"
"""No trade but a bar of the source, of which the tick has the close and the volume."""


VOID_CORRECTIONS = frozenset({7, 8, 10, 11, 12})
"""Indicators of the consolidated tape: later marked as an error (7), later cancelled (8), and the records that follow
of a cancel (10), an error (11) and a correction (12), the last with the data that were wrong.

With 1, corrected later, a trade has its right data."""


def correction_marks(indicator: object) -> list[str]:
    """Return the codes of a trade with an indicator of the consolidated tape: whether it still counts is among them.

    Example:
        >>> correction_marks(1), correction_marks(8)
        (['correction:1'], ['correction:8', 'cancel'])
    """
    return [correction_code(indicator), *([CANCEL] if indicator in VOID_CORRECTIONS else [])]


def correction_code(indicator: object) -> str:
    """Return the code that keeps a source's own indicator of a correction.

    Example:
        >>> correction_code(8)
        'correction:8'
    """
    return f"correction:{indicator}"
