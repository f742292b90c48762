"""Condition codes that mdstream itself puts on ticks, behind those of their source."""

from __future__ import annotations

CANCEL = "cancel"
"""No trade that counts: it was cancelled later, or it is the record of a cancel. Kept in `tick_data`, in no bar."""

WHOLE_BAR = "bar"
"""No trade but a bar of the source, of which the tick has the close and the volume."""


def correction_code(indicator: object) -> str:
    """Return the code that keeps a source's own indicator of a correction.

    Example:
        >>> correction_code(8)
        'correction:8'
    """
    return f"correction:{indicator}"
