"""The shapes of texts. A module apart: what only needs these has no JSON to read."""

from __future__ import annotations

from mdstream.schemas.limits import SYMBOL_PATTERN, TEXT_FIELDS, TEXT_PATTERN
from mdstream.schemas.records import SEVERITIES
from mdstream.schemas.rules import RULE_NAME_PATTERN

PATTERNS = {
    "symbol": SYMBOL_PATTERN,
    "rule": RULE_NAME_PATTERN,
    "severity": "|".join(SEVERITIES),
    **dict.fromkeys((*TEXT_FIELDS, "window", "model_version"), TEXT_PATTERN),
}
"""The shapes of texts, by the names of their fields."""
