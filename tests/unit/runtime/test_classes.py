"""The archive of classes: made beside a run, used by the next Java, and never in the way."""

from __future__ import annotations

import logging
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mdstream.config import SparkSettings
from mdstream.runtime import Java, classes, find_java
from mdstream.runtime.cache import cache_folder
from mdstream.runtime.classes import ClassArchive
from mdstream.runtime.jars import spark_home
from tests.waiting import until

# A program that ends at once, in a jar of its own.
_PROGRAM = "org.apache.spark.launcher.Main"
_LOADED = f"{_PROGRAM} source: "


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(classes, "SETTLED_SECONDS", 0.0)


@pytest.fixture(scope="module")
def java() -> Java:
    return find_java()


@pytest.fixture(scope="module")
def jar() -> Path:
    (found,) = (spark_home() / "jars").glob("spark-launcher_*.jar")
    return found


def session_on(jar: Path) -> Any:  # noqa: ANN401 - what of a Spark session is asked
    return SimpleNamespace(_jvm=SimpleNamespace(System=SimpleNamespace(getProperty=lambda _: str(jar))))


def run_with(archive: ClassArchive, java: Java) -> list[str]:
    """Run the program with the options and on the class path that Spark is given; return what Java says."""
    conf = archive.used_by(SparkSettings()).conf
    command = [str(java.executable), *shlex.split(conf["spark.driver.defaultJavaOptions"]), "-Xlog:class+load"]
    command += ["-cp", conf["spark.driver.extraClassPath"], _PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Usage" in done.stderr + done.stdout or "IllegalArgumentException" in done.stderr
    return (done.stdout + done.stderr).splitlines()


def source_of_the_program(lines: list[str]) -> str:
    (line,) = (line for line in lines if _LOADED in line)
    return line.partition(_LOADED)[2]


def make(archive: ClassArchive, jar: Path) -> Path:
    """Let a run last until its archive is there."""
    with archive.made_meanwhile(session_on(jar)):
        until(lambda: bool(list(cache_folder().glob("classes-*/classes.jsa"))), seconds=60)
    (made,) = cache_folder().glob("classes-*/classes.jsa")
    return made


def test_an_archive_is_made_beside_a_run_and_used_by_the_next(java: Java, jar: Path, tmp_path: Path) -> None:
    first = ClassArchive(java, [jar], tmp_path)
    assert source_of_the_program(run_with(first, java)).startswith("file:")
    made = make(first, jar)
    assert [file.name for file in made.parent.iterdir()] == ["classes.jsa"]

    second = ClassArchive(java, [jar], tmp_path)
    assert source_of_the_program(run_with(second, java)) == "shared objects file"

    made.chmod(0o600)
    made.write_bytes(made.read_bytes()[:100_000])
    said = run_with(second, java)
    assert source_of_the_program(said).startswith("file:")
    assert not [line for line in said if "warning" in line]


def test_another_build_of_java_has_an_archive_of_its_own(java: Java, jar: Path, tmp_path: Path) -> None:
    archive = ClassArchive(java, [jar], tmp_path)
    run_with(archive, java)
    make(archive, jar)
    other = ClassArchive(replace(java, build="another"), [jar], tmp_path)
    assert "DumpLoadedClassList" in other.used_by(SparkSettings()).conf["spark.driver.defaultJavaOptions"]


def test_a_run_that_ends_sooner_leaves_nothing(java: Java, jar: Path, tmp_path: Path) -> None:
    archive = ClassArchive(java, [jar], tmp_path)
    run_with(archive, java)
    with archive.made_meanwhile(session_on(jar)):
        until(lambda: bool(list(cache_folder().glob(".classes-*"))), seconds=30)
    assert not [path for path in cache_folder().iterdir() if path.is_dir()]


def test_no_archive_is_no_failure(jar: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = tmp_path / "java"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text("#!/bin/sh\necho no such option\nexit 1\n")
    (home / "bin" / "java").chmod(0o755)
    (tmp_path / "classes").write_text("java/lang/Object\n")
    archive = ClassArchive(Java(home, 17, "none"), [jar], tmp_path)
    with caplog.at_level(logging.INFO, "mdstream.runtime.classes"), archive.made_meanwhile(session_on(jar)):
        until(lambda: bool(caplog.messages), seconds=30)
    assert "no such option" in caplog.text
    assert not [path for path in cache_folder().iterdir() if path.is_dir()]


def test_settings_of_the_user_stay(java: Java, jar: Path, tmp_path: Path) -> None:
    theirs = {"spark.driver.extraClassPath": "/theirs.jar", "spark.driver.defaultJavaOptions": "-Dtheirs=1"}
    conf = ClassArchive(java, [jar], tmp_path).used_by(SparkSettings(conf=theirs)).conf
    assert conf["spark.driver.extraClassPath"] == f"{jar}:/theirs.jar"
    assert conf["spark.driver.defaultJavaOptions"].endswith(" -Dtheirs=1")
