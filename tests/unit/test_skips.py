from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("reason", "in_ci", "workers", "exit_code"),
    [
        ("real market data: none here", "true", "0", 0),
        ("there is no Kafka", "true", "0", 6),
        ("there is no Kafka", "true", "1", 6),
        ("there is no Kafka", "false", "0", 0),
    ],
)
def test_only_expected_skips_pass_in_ci(tmp_path: Path, reason: str, in_ci: str, workers: str, exit_code: int) -> None:
    (tmp_path / "test_it.py").write_text(
        f"import pytest\ndef test_passes(): assert True\ndef test_skips(): pytest.skip({reason!r})\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.skips",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:schemathesis",
            "--numprocesses",
            workers,
            "--rootdir",
            tmp_path,
            tmp_path,
        ],
        env=os.environ | {"CI": in_ci, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "1 passed, 1 skipped" in done.stdout) == (exit_code, True), done.stdout
    assert ("unexpected skips" in done.stdout) == bool(exit_code)
