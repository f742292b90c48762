"""Sessions that write Delta tables, and environments that cannot."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from mdstream.config import LakeSettings, Settings, SparkSettings, StoreSettings
from mdstream.config.stores import SPARK_DELTA_PACKAGE
from mdstream.errors import ConfigError, MissingDependencyError
from mdstream.streaming import with_delta

LAKE = Settings(
    spark=SparkSettings(packages=("a:b:1",), conf={"spark.x": "y"}),
    stores=StoreSettings(lake=LakeSettings(enabled=True)),
)


def test_what_is_configured_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    delta = ModuleType("delta")
    delta.__spec__ = sys.__spec__
    monkeypatch.setitem(sys.modules, "delta", delta)
    spark = with_delta(LAKE)
    assert spark.packages == ("a:b:1", SPARK_DELTA_PACKAGE)
    assert spark.conf["spark.x"] == "y"
    assert spark.conf["spark.sql.extensions"] == "io.delta.sql.DeltaSparkSessionExtension"


def test_an_environment_without_delta_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "delta", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mdstream-spark\[lake\]', which brings Spark 4\.2"):
        with_delta(LAKE)


def test_a_lake_that_is_switched_off_is_not_filled() -> None:
    with pytest.raises(ConfigError, match=r"stores\.lake\.enabled: true"):
        with_delta(Settings())
