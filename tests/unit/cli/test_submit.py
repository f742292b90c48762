"""`spark-submit.sh` and `mdstream submit`: what a job is started with."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mdstream.cli.app import app
from mdstream.errors import InvalidInputError

PROJECT = Path(__file__).parents[3]

JOB = """\
import json, os, sys
from mdstream.config import load_settings
from mdstream.streaming import build_session

settings = load_settings()
spark = build_session(settings.spark, "a job of one's own")
command = open(f"/proc/{spark.sparkContext._gateway.proc.pid}/cmdline").read()
print(json.dumps({
    "arguments": sys.argv[1:],
    "as": __name__,
    "jars": spark.conf.get("spark.jars"),
    "secret": spark.conf.get("spark.hadoop.fs.s3a.secret.key"),
    "seen": "hunter2" in command,
    "command": command,
    "port": settings.monitoring.jobs_port,
}))
spark.stop()
"""


def test_a_file_runs_with_its_arguments_connectors_and_secrets(tmp_path: Path) -> None:
    job = tmp_path / "job.py"
    job.write_text(JOB)
    secret = " hun\\ter2:=# \u00e9"
    conf = {"spark.hadoop.fs.s3a.secret.key": secret, "spark.local.dir": str(tmp_path), "spark.driver.memory": "512m"}

    done = subprocess.run(
        [PROJECT / "spark-submit.sh", "--metrics-port", "9123", job, "one", "two words"],
        env=os.environ | {"MDSTREAM_SPARK__CONF": json.dumps(conf), "MDSTREAM_SPARK__MASTER": "local[1]"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["arguments"], seen["as"], seen["port"]) == (["one", "two words"], "__main__", 9123)
    assert "spark-sql-kafka" in seen["jars"]
    # Java is told most settings by its command line, which everybody on the machine may read.
    assert "spark.driver.memory=512m" in seen["command"]
    assert seen["secret"] == secret.strip()
    assert not seen["seen"]


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ("nowhere.py", "there is no file nowhere.py; expected a Python file, or names of jobs"),
        ("live_bar", "live_bars"),
    ],
)
def test_what_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, job: str, reason: str) -> None:
    # The command sets both, and they are as before when the test is over.
    monkeypatch.setenv("MDSTREAM_SPARK__PACKAGES", "[]")
    monkeypatch.setenv("MDSTREAM_SPARK__CONF", "{}")

    result = CliRunner().invoke(app, ["submit", job])

    assert isinstance(result.exception, InvalidInputError)
    assert reason in str(result.exception)
