"""Results go to standard output, messages to standard error, and the exit code says how it went."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mdstream

PROJECT = Path(__file__).parents[3]


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MDSTREAM_")}
    return subprocess.run(
        [sys.executable, "-c", "from mdstream.cli import main; main()", *arguments],
        cwd=folder,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_version(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"mdstream {mdstream.__version__}\n", "")


def test_without_a_command_it_explains_itself(tmp_path: Path) -> None:
    done = run(tmp_path)

    assert done.returncode == 2
    assert "Usage:" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["demmo"], "demmo"),
        (["config", "shw"], "shw"),
        (["--verbsoe"], "--verbsoe"),
        (["api", "--port", "x"], "--port"),
        (["api", "extra"], "extra"),
    ],
)
def test_a_wrong_call_is_exit_code_2(tmp_path: Path, arguments: list[str], named: str) -> None:
    done = run(tmp_path, *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_a_good_configuration(tmp_path: Path) -> None:
    done = run(tmp_path, "config", "check")

    assert done.returncode == 0
    assert done.stdout == "the configuration can be used: 5 symbols, windows 1min, 5min, 15min\n"
    assert done.stderr == ""


@pytest.mark.parametrize("command", [["config", "check"], ["config", "show"], ["api"], ["maintain"]])
def test_our_own_error_is_one_message_and_exit_code_1(tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "a [red]file.yaml"
    file.write_text("symbls: [AAPL]")

    done = run(tmp_path, *command, "--config", str(file))

    assert (done.returncode, done.stdout) == (1, "")
    first, second = done.stderr.splitlines()
    # The message is not taken for markup, and not broken where the terminal ends.
    assert first.startswith("error: the configuration cannot be used (")
    assert str(file) in first
    assert second == "  symbls: unknown key; did you mean 'symbols'?"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = run(tmp_path, "config", "check", "--config", "nowhere.yaml")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: cannot read the configuration file nowhere.yaml: No such file or directory\n"


def test_show_is_json_of_everything_and_hides_secrets(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "config",
        "show",
        MDSTREAM_STORES__TIMESCALEDB__PASSWORD="hunter2",
        MDSTREAM_SPARK__CONF='{"spark.hadoop.fs.s3a.secret.key": "hunter2"}',
        MDSTREAM_SPARK__CHECKPOINT_LOCATION="s3a://bucket/" + "long/" * 40,
    )

    assert (done.returncode, done.stderr) == (0, "")
    shown = json.loads(done.stdout)
    assert shown["stores"]["timescaledb"]["password"] == "**********"
    assert shown["stores"]["redis"]["password"] == ""
    assert shown["spark"]["checkpoint_location"] == "s3a://bucket/" + "long/" * 40
    assert shown["window_configurations"][1] == {"name": "5min", "duration": 300}
    assert "hunter2" not in done.stdout


def test_every_package_is_found_and_installed() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "import distutils.core as core; print(*core.run_setup('setup.py').packages)"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    with_code = {file.parent.relative_to(PROJECT) for file in (PROJECT / "mdstream").rglob("*.py")}
    # Spark's workers are given this folder as it is.
    with_code.discard(Path("mdstream/streaming/python_workers"))

    assert sorted(found.stdout.split()) == sorted([".".join(folder.parts) for folder in with_code] + ["mdstream.jobs"])
