"""Every command of `mdstream`, with its arguments and options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

import typer.main

from docs.reference.markdown import code, prose, table
from mdstream.cli.app import app

_HEAD = """# Commands

`mdstream COMMAND --help` says the same. Options for the log (`-v`, `--log-format`) may stand anywhere.

"""
_WORDS: Mapping[object, str] = {bool: "flag", int: "integer", float: "number", Path: "path"}
_BESIDES = {"help", "install_completion", "show_completion"}


def commands(command: Any = None, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401 - typer's own click
    """Yield every command with its path, the first of which is `mdstream` itself.

    Example:
        >>> [path for path, _ in commands() if path[-1] == "check"]
        [('mdstream', 'rules', 'check'), ('mdstream', 'config', 'check')]
    """
    if command is None:
        command, path = typer.main.get_command(app), ("mdstream",)
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, *path, name)


def page() -> str:
    """Return the page."""
    parts, panel = [_HEAD], None
    for path, command in commands():
        # What only holds others together is their heading.
        if len(path) == 2 and (heading := command.rich_help_panel) != panel:
            parts.append(f"## {heading}\n\n")
            panel = heading
        parts.append(f"{_described(path, command)}\n\n")
    return "".join(parts)


def _described(path: tuple[str, ...], command: Any) -> str:  # noqa: ANN401
    parameters = [parameter for parameter in command.params if parameter.name not in _BESIDES]
    usage = " ".join((*path, *command.collect_usage_pieces(command.make_context(path[-1], [], resilient_parsing=True))))
    level = "##" if len(path) == 1 else "###"
    parts = [f"{level} `{' '.join(path)}`", f"```text\n{usage}\n```", str(command.help or "")]
    if parameters:
        rows = [(code(_name(each)), _kind(each), code(_default(each)), prose(each.help or "")) for each in parameters]
        parts.append(table(["", "type", "default", "meaning"], rows))
    return "\n\n".join(parts)


def _name(parameter: Any) -> str:  # noqa: ANN401
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    names = [name for name in (*parameter.opts, *parameter.secondary_opts) if name != "--"]
    return ", ".join(names)


def _kind(parameter: Any) -> str:  # noqa: ANN401
    annotation = parameter.type_descriptor.annotation
    bare = get_args(annotation)[0] if get_origin(annotation) in {list, tuple} else annotation
    if isinstance(bare, type) and issubclass(bare, Enum):
        kind = " or ".join(code(choice.value) for choice in bare)
    else:
        kind = _WORDS.get(bare, "text")
    bounds = [f"{sign} {bound:g}" for sign, bound in (("≥", parameter.min), ("≤", parameter.max)) if bound is not None]
    marks = [mark for mark, holds in (("repeated", parameter.multiple), ("required", parameter.required)) if holds]
    return ", ".join([" ".join([kind, *bounds]), *marks])


def _default(parameter: Any) -> str:  # noqa: ANN401
    value = parameter.default
    if value is None or callable(value) or isinstance(value, bool | list | tuple) or parameter.required:
        return ""
    return str(getattr(value, "value", value))
