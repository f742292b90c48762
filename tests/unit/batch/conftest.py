"""The command line, on the tests' own Spark session."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from pyspark.sql import SparkSession

from mdstream.cli import main

Command = Callable[..., tuple[int, str]]
"""Runs the command line with arguments; gives the exit code and what it wrote on standard error."""


@dataclass(frozen=True)
class KeptSession:
    """The tests' session, which a command may not stop."""

    session: SparkSession

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the session has
        return getattr(self.session, name)

    def stop(self) -> None:
        """Leave it to the other tests."""


@pytest.fixture
def run_command(spark: SparkSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setattr("mdstream.streaming.build_session", lambda *_, **__: KeptSession(spark))
    monkeypatch.setenv("COLUMNS", "300")

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["mdstream", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert captured.out == ""
        return int(ended.value.code or 0), captured.err

    return run


@pytest.fixture
def bars_command(run_command: Command) -> Command:
    return partial(run_command, "bars")


@pytest.fixture
def indicators_command(run_command: Command) -> Command:
    return partial(run_command, "indicators")
