"""Reads the configured table of trade conditions."""

from __future__ import annotations

from pathlib import Path

from mdstream.errors import ConfigError
from mdstream.transforms import ConditionTable


def load_conditions(path: Path | None) -> ConditionTable:
    """Read the CSV `code,open_close,high_low,volume`; None makes every trade eligible.

    Raises:
        ConfigError: The file cannot be read.
        InvalidInputError: Its content is not such a table.
    """
    if path is None:
        return ConditionTable()
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return ConditionTable.from_csv(lines)
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"cannot read the condition table {path}: {exc}") from exc
