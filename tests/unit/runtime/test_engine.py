"""The live engine's Java, compiled where it is used."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from mdstream.config import SparkSettings
from mdstream.errors import ServerError
from mdstream.runtime import engine, find_java
from mdstream.runtime.jars import name_of

# What Eclipse's compiler warns of beyond its own choice.
_STRICT = (
    "-warn:+unused,unusedParam,fallthrough,nullDereference,hiding,semicolon,compareIdentical,resource,switchDefault"
)


@pytest.fixture(scope="module")
def connectors() -> list[Path]:
    return engine.called_jars(SparkSettings().packages, find_java())


def test_the_engine_compiles_without_a_warning(connectors: list[Path], tmp_path: Path) -> None:
    command = engine.compile_command(tmp_path, connectors, find_java(), [_STRICT, "-failOnWarning"])
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_jar_holds_the_engine_and_is_made_once(connectors: list[Path]) -> None:
    jar = engine.engine_jar(connectors, find_java())
    with zipfile.ZipFile(jar) as content:
        assert {"mdstream/engine/LiveBars.class", "mdstream/engine/KafkaSource.class"} <= set(content.namelist())
    made = jar.stat().st_mtime_ns
    assert engine.engine_jar(connectors, find_java()).stat().st_mtime_ns == made


def test_another_source_is_another_jar(connectors: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(engine, "fetch_jars", lambda *_: [tmp_path / "no-compiler.jar"])
    monkeypatch.setattr(engine, "_SOURCES", tmp_path)
    (tmp_path / "Broken.java").write_text("class Broken {", encoding="utf-8")
    with pytest.raises(ServerError, match="the live engine does not compile against this Spark"):
        engine.engine_jar(connectors, find_java())
    assert not list((tmp_path / "cache").rglob("mdstream-engine.jar"))


def test_what_spark_has_is_not_brought_again(connectors: list[Path]) -> None:
    names = {name_of(jar) for jar in connectors}
    assert any(name.startswith("spark-sql-kafka") for name in names)
    assert not any(name.startswith(("hadoop-client", "slf4j-api", "snappy-java")) for name in names)
