"""Reads YAML without letting a secret out: what could not be read is never quoted."""

from __future__ import annotations

from pathlib import Path

import yaml

from mdstream.errors import ConfigError


def read_yaml(path: Path, what: str) -> object:
    """Return the content of a YAML file.

    Args:
        path: The file.
        what: What the file is called in errors, e.g. "configuration file".

    Raises:
        ConfigError: It cannot be read, or is not YAML.
    """
    try:
        with path.open("rb") as file:
            return yaml.safe_load(file)
    except OSError as exc:
        raise ConfigError(f"cannot read the {what} {path}: {exc.strerror}") from exc
    except yaml.YAMLError as exc:
        # Neither repeated nor chained: the parser quotes what it found, which may be a secret.
        raise ConfigError(f"{path} is not YAML{_place_of(exc)}") from None


def _place_of(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return "" if mark is None else f": look at line {mark.line + 1}, column {mark.column + 1}"
