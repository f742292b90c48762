"""The Makefile against the documents that name its targets."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = (
    *("demo", "start", "producer", "consumer", "api", "websocket", "dashboard", "anomaly", "metrics", "train-ml"),
    *("test", "bench", "stop", "clean"),
)


def dry_run(target: str) -> str:
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_target_can_be_made_and_is_explained() -> None:
    explained = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in TARGETS:
        assert dry_run(target)
        assert re.search(rf"^{target}\b", explained, re.MULTILINE), target


def test_every_spark_that_is_allowed_is_run() -> None:
    """The older ones by `.ci/run`, classic and over Spark Connect, beside that of the lake and the newest."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [allowed] = project["optional-dependencies"]["spark"]
    assert "make --jobs 2 test-older-sparks" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    runs = re.findall(
        r"(SPARK_REMOTE='local\[2\]')?.*\.venv-spark-([\d.]+)/bin/python -m pytest", dry_run("test-older-sparks")
    )
    assert sorted(runs) == [("", "4.0.1"), ("", "4.1.1"), ("SPARK_REMOTE='local[2]'", "4.0.1")]
    pinned = [re.search(r"^pyspark==(\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
              for name in ("constraints.txt", "constraints-lake.txt")]  # fmt: skip
    run = {version for _, version in runs} | {found[1] for found in pinned if found}
    minors = {".".join(version.split(".")[:2]) for version in run}
    assert minors == {"4.0", "4.1", "4.2", "4.3"}
    assert allowed == "pyspark>=4.0,<4.4"


def test_documents_name_targets_that_there_are() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    made = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    others = (ROOT / "README.md", ROOT / ".env.example", ROOT / "docker-compose.yml")
    for file in (*others, *(ROOT / "docs").rglob("*.md")):
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", file.read_text(encoding="utf-8"), re.MULTILINE))
        assert named <= made, file.name


def test_cleaning_keeps_the_data_of_containers() -> None:
    assert "--volumes" not in dry_run("clean")
    assert "--volumes" in dry_run("clean-data")


@pytest.mark.parametrize("target", ["start", "stop"])
def test_where_docker_is_missing_the_demo_is_named(target: str, tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    done = subprocess.run(
        ["make", target], cwd=ROOT, capture_output=True, text=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}
    )
    assert done.returncode
    assert "make demo" in done.stderr + done.stdout
