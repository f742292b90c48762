"""Every command explains itself, quickly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from mdstream.cli.app import app

ROOT: Any = typer.main.get_command(app)


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401 - typer's own click
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, *path, name)


ALL = dict(commands(ROOT))


@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(path) or "mdstream")
def test_help_says_what_the_command_and_each_option_does(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})

    assert result.exit_code == 0
    assert result.stderr == ""
    assert "Usage:" in result.stdout
    command = ALL[path]
    assert command.help
    # The first line stands alone in the list of commands.
    assert command.help.splitlines()[0].rstrip().endswith((".", ";", ":"))
    for parameter in command.params:
        assert parameter.help, f"{parameter.name} is not explained"


@pytest.mark.parametrize("name", ["api", "config", "maintain"])
def test_commands_are_listed(name: str) -> None:
    assert name in CliRunner().invoke(app, ["--help"]).stdout


def test_help_is_quick_because_it_leaves_the_big_packages_alone() -> None:
    code = (
        "import sys\n"
        "from mdstream.cli import main\n"
        "sys.argv = ['mdstream', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, file=sys.stderr)\n"
        "print([name for name in ('pyspark', 'py4j', 'pandas', 'fastapi', 'sqlalchemy') if name in sys.modules],"
        " file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr.splitlines() == ["0", "[]"]
