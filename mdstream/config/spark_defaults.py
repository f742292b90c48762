"""Reads Spark's own file of defaults, where those who run a cluster expect its settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mdstream.config.settings import SPARK_SETTINGS_OF_OURS
from mdstream.errors import ConfigError

SPARK_DEFAULTS = Path("conf/spark-defaults.conf")
"""The file that is read if it exists."""

_SETTING = re.compile(r"(?P<name>spark\.[^\s=:]+)\s*[\s=:]\s*(?P<value>\S.*)")


def read_spark_defaults(path: Path) -> dict[str, Any]:
    """Return the section `spark` that a file of lines `name value`, `name=value` or `name: value` stands for.

    Args:
        path: The file; comments begin with #.

    Raises:
        ConfigError: It cannot be read, a line is not a setting of Spark, or one stands twice. A value is never
            quoted: it may be a secret.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"cannot read {path}: {exc}") from exc
    section: dict[str, Any] = {"conf": {}}
    first: dict[str, int] = {}
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        setting = _SETTING.fullmatch(line)
        if setting is None:
            raise ConfigError(f"{path}, line {number}: expected 'spark.NAME VALUE', found something else")
        name, value = setting["name"], setting["value"]
        if name in first:
            raise ConfigError(f"{path}, line {number}: {name} stands twice, first in line {first[name]}")
        first[name] = number
        if own := SPARK_SETTINGS_OF_OURS.get(name):
            section[own] = value.split(",") if own == "packages" else value
        else:
            section["conf"][name] = value
    return section
