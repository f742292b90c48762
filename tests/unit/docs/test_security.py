"""The security guide against what it speaks of: limits are the settings' defaults, tests are there."""

from __future__ import annotations

import re
from functools import reduce
from pathlib import Path

from mdstream.config import Settings

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_limits_are_the_defaults() -> None:
    said = re.findall(r"`(serving\.[a-z_.]+)` \(([\d,]+)( KiB)?\)", GUIDE)
    assert len(said) > 12
    for name, number, unit in said:
        value: object = reduce(getattr, name.split("."), Settings())
        assert value == int(number.replace(",", "")) * (1024 if unit else 1), name


def test_the_attacks_are_there() -> None:
    named = re.findall(r"`(tests/[a-z_./]+)`", GUIDE)
    assert len(named) > 3
    assert [path for path in named if not (ROOT / path).exists()] == []
