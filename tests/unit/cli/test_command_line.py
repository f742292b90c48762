"""What holds for all commands: options of the log, units of systemd."""

from __future__ import annotations

import errno
import json
import logging
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mdstream.cli import app as cli_app
from mdstream.cli.app import app
from mdstream.cli.command_line import with_log_options_first
from mdstream.errors import InvalidInputError
from mdstream.telemetry.logs import JsonLines


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (["run", "-v", "live_bars"], ["-v", "run", "live_bars"]),
        (["config", "check", "--log-format=json", "-vv"], ["--log-format=json", "-vv", "config", "check"]),
        (["bars", "--log-format", "json"], ["--log-format", "json", "bars"]),
        (["bars", "--", "-v"], ["bars", "--", "-v"]),
        (["bars", "--log-format"], ["--log-format", "bars"]),
    ],
)
def test_options_of_the_log_may_stand_anywhere(given: list[str], read: list[str]) -> None:
    assert with_log_options_first(given) == read


def test_a_line_of_json_for_each_record() -> None:
    error = ValueError("two\nlines")
    trace = (ValueError, error, None)
    record = logging.LogRecord("mdstream.x", logging.WARNING, "", 0, 'said "%s"', ("no",), trace)
    line = JsonLines().format(record)
    assert "\n" not in line
    found = json.loads(line)
    assert (found["level"], found["logger"], found["message"]) == ("WARNING", "mdstream.x", 'said "no"')
    assert found["trace"].endswith("ValueError: two\nlines")
    assert found["time"].endswith("+00:00")


@pytest.mark.parametrize("process", ["jobs", "archive", "ingest", "api", "websocket", "dashboard", "alerts", "metrics"])
def test_units_are_hardened_and_systemd_takes_them(
    process: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["systemd", process, "--user", "root", "--memory", "3G"])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert {"NoNewPrivileges=yes", "PrivateTmp=yes", "MemoryMax=3G", "KillMode=mixed"} <= set(lines)
    assert f"WorkingDirectory={tmp_path}" in lines
    if shutil.which("systemd-analyze"):
        unit = tmp_path / f"mdstream-{process}.service"
        unit.write_text(result.stdout)
        checked = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
        )
        assert unit.name not in checked.stdout + checked.stderr


def test_words_of_a_unit_are_quoted_as_systemd_reads_them() -> None:
    result = CliRunner().invoke(app, ["systemd", "ingest", "--run", "ingest --feed binance --symbols 'A B,$X,50%'"])
    assert '-m mdstream ingest --feed binance --symbols "A B,$$X,50%%"' in result.stdout


def test_a_process_that_is_none() -> None:
    result = CliRunner().invoke(app, ["systemd", "apis"])
    assert isinstance(result.exception, InvalidInputError)
    assert "did you mean 'api'?" in str(result.exception)


def test_a_full_disk_is_an_error_that_names_it_and_no_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def write(_arguments: list[str]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "models" / "AAPL"))

    monkeypatch.setattr(cli_app, "app", write)
    with pytest.raises(SystemExit) as ended:
        cli_app.run_app()
    said = capsys.readouterr().err.replace("\n", " ")
    assert ended.value.code == 1
    assert f"the disk of {tmp_path}/models/AAPL is full" in said
    assert "free some, or raise its quota" in said
    assert "Traceback" not in said
