"""The commands by their names, each imported when it is asked for: what the others need takes a second to import."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, MutableMapping
from typing import Any

import typer
from typer.core import TyperGroup

from mdstream.errors import DISTRIBUTION, MissingDependencyError, brought_by

_PANELS = {
    "See it work": {"demo": ("demo", "local"), "servers": ("servers", "local")},
    "Bring data in": {"ingest": ("ingest", "feeds"), "replay": ("ingest", "feeds"), "backfill": ("backfill", "feeds")},
    "Run jobs": {"run": ("run", "jobs"), "submit": ("submit", "jobs")},
    "Work on files and stored data": {
        "bars": ("bars", "jobs"),
        "indicators": ("indicators", "jobs"),
        "rebuild": ("rebuild", "jobs"),
        "rules": ("rules", "jobs"),
    },
    "Forecast": {"train": ("train", "jobs"), "evaluate": ("evaluate", "jobs"), "predict": ("predict", "jobs")},
    "Serve and tell": {
        "api": ("api", "jobs"),
        "websocket": ("websocket", "jobs"),
        "dashboard": ("dashboard", "jobs"),
        "alerts": ("alerts", "jobs"),
        "metrics": ("metrics", "jobs"),
    },
    "Set up and look after": {
        "config": ("configuration", "jobs"),
        "doctor": ("doctor", "jobs"),
        "topics": ("topics", "jobs"),
        "maintain": ("maintain", "jobs"),
        "systemd": ("systemd", "jobs"),
        "extensions": ("extensions", "commands"),
    },
}
"""By the heading under which the help lists it, each command with its module here, which has a function of its name, or
commands of its own as `app`; and the extra that brings what the module imports."""

_COMMANDS = {name: (*place, panel) for panel, commands in _PANELS.items() for name, place in commands.items()}


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
    module_name, extra, _ = _COMMANDS[name]
    try:
        with brought_by(extra):
            module = importlib.import_module(f"mdstream.cli.{module_name}")
    except MissingDependencyError as exc:
        return _made(name, _unavailable(name, extra, exc))
    group: typer.Typer | None = getattr(module, "app", None)
    if group is None:
        group = _alone()
        group.command(name)(getattr(module, name))
    return _made(name, group)


def _made(name: str, group: typer.Typer) -> Any:  # noqa: ANN401
    command: Any = typer.main.get_command(group)
    command.name = name
    command.rich_help_panel = _COMMANDS[name][-1]
    return command


def _alone() -> typer.Typer:
    return typer.Typer(rich_markup_mode="markdown", pretty_exceptions_show_locals=False, add_completion=False)


def _unavailable(name: str, extra: str, error: MissingDependencyError) -> typer.Typer:
    """Return a command that says what it needs, whatever is asked of it."""

    def fail() -> None:
        raise error

    group = _alone()
    anything = {"allow_extra_args": True, "ignore_unknown_options": True}
    group.command(name, context_settings=anything, help=f"Needs {DISTRIBUTION}[{extra}].")(fail)
    return group
