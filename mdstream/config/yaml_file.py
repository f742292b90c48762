"""Reads YAML without letting a secret out: what could not be read is never quoted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mdstream.errors import ConfigError

MOST_BYTES = 262_144
"""Longest file that is read."""

MOST_DEPTH = 32
"""Deepest nesting of lists and mappings."""

MOST_VALUES = 50_000
"""Most values, where each use of an alias counts as much as what it stands for."""


class TooMuchError(yaml.MarkedYAMLError):
    """A file holds more than a configuration can need, or a key twice."""

    def __str__(self) -> str:
        return str(self.problem)


class _BoundedLoader(yaml.SafeLoader):
    """Reads what `SafeLoader` reads, as far as it is no deeper and no more than a configuration can need."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self._depth = 0
        # How many values each finished node holds, aliases included.
        self._values: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Read one value with all that is in it."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise TooMuchError(problem=f"is nested more than {MOST_DEPTH} deep", problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(node, yaml.MappingNode) and not isinstance(event, yaml.AliasEvent):
            _refuse_repeated_keys(node)
        if not isinstance(event, yaml.AliasEvent):
            self._values[id(node)] = 1 + sum(self._values[id(part)] for part in _parts_of(node))
        # An alias of what is not finished yet stands for something that holds itself.
        if self._values.get(id(node), MOST_VALUES + 1) > MOST_VALUES:
            said = f"holds more than {MOST_VALUES:,} values, aliases included"
            raise TooMuchError(problem=said, problem_mark=event.start_mark)
        return node


def _refuse_repeated_keys(node: yaml.MappingNode) -> None:
    """Refuse a mapping that has a key twice: of its two values one would silently be gone."""
    first: dict[tuple[str, str], yaml.Node] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        known = first.setdefault((key.tag, key.value), key)
        if known is not key:
            said = f"has the key '{key.value}' twice, first in line {known.start_mark.line + 1}"
            raise TooMuchError(problem=said, problem_mark=key.start_mark)


def _parts_of(node: yaml.Node | None) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def read_yaml(path: Path, what: str) -> object:
    """Return the content of a YAML file.

    Args:
        path: The file.
        what: What the file is called in errors, e.g. "configuration file".

    Raises:
        ConfigError: It cannot be read, is not YAML, has a key twice, or holds more than a configuration can need.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as exc:
        raise ConfigError(f"cannot read the {what} {path}: {exc.strerror}") from exc
    if len(text) > MOST_BYTES:
        raise ConfigError(f"the {what} {path} is longer than {MOST_BYTES:,} bytes; expected a file for people")
    try:
        return yaml.load(text, _BoundedLoader)  # noqa: S506 - a SafeLoader
    except TooMuchError as exc:
        raise ConfigError(f"the {what} {path} {exc}{_place_of(exc)}") from None
    except yaml.YAMLError as exc:
        # Neither repeated nor chained: the parser quotes what it found, which may be a secret.
        raise ConfigError(f"{path} is not YAML{_place_of(exc)}") from None
    except (ValueError, OverflowError):
        # What looks like a number or a date, and cannot be one.
        raise ConfigError(
            f"{path} holds a number or a date that cannot be; if it is meant as text, put it in quotes"
        ) from None


def _place_of(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return "" if mark is None else f": look at line {mark.line + 1}, column {mark.column + 1}"
