"""What is sent to the machines of a cluster."""

from __future__ import annotations

import importlib.metadata
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from mdstream.cluster import archives, packaged
from mdstream.errors import DISTRIBUTION, MissingDependencyError

FEW = ("redis", "SQLAlchemy")


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def _few_dependencies(monkeypatch: pytest.MonkeyPatch) -> None:
    """All would take ten seconds to pack; the test of the cluster does."""

    def few(_root: str, _extras: Iterable[str]) -> list[importlib.metadata.Distribution]:
        return [importlib.metadata.distribution(name) for name in FEW]

    monkeypatch.setattr(archives, "_requirements_of", few)


def content(archive: Path) -> set[str]:
    with tarfile.open(archive) as opened:
        assert all(entry.isfile() for entry in opened)
        return set(opened.getnames())


def test_the_library_is_all_that_is_imported_or_read() -> None:
    names = content(archives.library_archive())

    assert {
        "mdstream/__init__.py",
        "mdstream/jobs/live_bars.py",
        "mdstream/stores/timescaledb/__init__.py",
        "mdstream/config/rules.yaml",
        "mdstream/streaming/log4j2.properties",
    } <= names
    assert not any("__pycache__" in name for name in names)


def test_it_is_packed_again_only_when_a_file_changes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "packed_once"
    package.mkdir()
    (package / "__init__.py").write_text("number = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(archives, "_NEEDED_ON_EXECUTORS", (package.name,))
    first = archives.library_archive()
    made = first.stat().st_mtime_ns

    assert archives.library_archive() == first
    assert first.stat().st_mtime_ns == made
    (package / "__init__.py").write_text("number = 2\n")
    assert archives.library_archive() != first


@pytest.mark.usefixtures("_few_dependencies")
def test_dependencies_lie_as_in_site_packages_with_their_compiled_parts() -> None:
    names = content(archives.dependencies_archive())

    assert {"redis/__init__.py", "sqlalchemy/__init__.py"} <= names
    assert any(name.startswith("sqlalchemy/") and name.endswith(".so") for name in names)
    assert not any(name.startswith(("/", "..")) for name in names)


def test_all_that_mdstream_requires_goes_but_spark_itself() -> None:
    required = archives._requirements_of(DISTRIBUTION, ["jobs", "forecasting"])
    needed = {canonicalize_name(package.name) for package in required}

    # Required by mdstream, by an extra of it, by pandas, by what jobs ask for, and by pydantic through that.
    xgboost = "xgboost" if sys.platform == "darwin" else "xgboost-cpu"
    assert {"pandas", xgboost, "python-dateutil", "confluent-kafka", "pydantic-core"} <= needed
    assert not {"pyspark", "nvidia-nccl-cu12", "plotly", "pytest", "slack-sdk", "fastapi", DISTRIBUTION} & needed


def test_an_extra_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_is_installed", lambda need: need[0] != "influxdb-client")

    assert "influxdb" not in archives._installed_extras()
    assert "forecasting" in archives._installed_extras()


def test_what_is_missing_is_named() -> None:
    with pytest.raises(MissingDependencyError, match="nowhere-to-be-found is not installed"):
        archives._requirements_of("nowhere-to-be-found", [])


@pytest.mark.usefixtures("_few_dependencies")
def test_what_is_configured_stays() -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = {"spark.archives": "a.zip#a", "spark.executorEnv.PYTHONPATH": "a", "spark.pyspark.python": "/opt/python"}

    alone, beside = packaged({}), packaged(own)

    assert alone["spark.pyspark.python"] == version
    assert alone["spark.executorEnv.PYTHONPATH"] == "mdstream-library:mdstream-dependencies"
    assert [archive.partition("#")[2] for archive in alone["spark.archives"].split(",")] == [
        "mdstream-library",
        "mdstream-dependencies",
    ]
    assert beside == {
        "spark.pyspark.python": "/opt/python",
        "spark.executorEnv.PYTHONPATH": "mdstream-library:mdstream-dependencies:a",
        "spark.archives": f"a.zip#a,{alone['spark.archives']}",
    }
