"""The commands by their names, each imported when it is asked for: what the others need takes a second to import."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, MutableMapping
from typing import Any

import typer
from typer.core import TyperGroup

_COMMANDS = {
    "config": "configuration",
    "topics": "topics",
    "rules": "rules",
    "ingest": "ingest",
    "replay": "ingest",
    "backfill": "backfill",
    "demo": "demo",
    "run": "run",
    "submit": "submit",
    "bars": "bars",
    "indicators": "indicators",
    "rebuild": "rebuild",
    "maintain": "maintain",
    "train": "train",
    "evaluate": "evaluate",
    "predict": "predict",
    "alerts": "alerts",
    "api": "api",
    "websocket": "websocket",
    "dashboard": "dashboard",
    "metrics": "metrics",
    "doctor": "doctor",
}
"""Of each command its module here: that has a function of its name, or commands of its own as `app`."""


class Commands(TyperGroup):
    """The commands of `mdstream`."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - what typer hands on
        super().__init__(**attributes)
        self.commands = _ByName()


class _ByName(MutableMapping[str, Any]):
    """Commands as typer keeps them, made when they are looked at."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - typer's own click has no public type
        if name not in self._made:
            self._made[name] = _command(name)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:  # noqa: ANN401
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_COMMANDS)

    def __len__(self) -> int:
        return len(_COMMANDS)


def _command(name: str) -> Any:  # noqa: ANN401
    module = importlib.import_module(f"mdstream.cli.{_COMMANDS[name]}")
    group: typer.Typer | None = getattr(module, "app", None)
    if group is None:
        group = typer.Typer(rich_markup_mode="markdown", pretty_exceptions_show_locals=False, add_completion=False)
        group.command(name)(getattr(module, name))
    command: Any = typer.main.get_command(group)
    command.name = name
    return command
