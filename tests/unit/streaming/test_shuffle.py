"""Which sessions have the streaming shuffle that knows whom it talks to."""

from __future__ import annotations

from pathlib import Path

import pyspark
import pytest

from mdstream.config import SparkSettings
from mdstream.streaming.shuffle import ENGINE_JAR, has_streaming_shuffle, shuffle_settings

OURS = {"spark.shuffle.manager.incremental": "mdstream.shuffle.SecretShuffle"}
JARS = [Path("/cache/kafka-clients.jar"), Path("/cache/engine") / ENGINE_JAR]


@pytest.mark.skipif(not has_streaming_shuffle(), reason="this Spark has no streaming shuffle")
def test_where_the_engine_is_it_is_there() -> None:
    joined = ":".join(map(str, JARS))

    assert shuffle_settings(SparkSettings(), JARS) == OURS
    for name in ("spark.jars", "spark.driver.extraClassPath"):
        assert shuffle_settings(SparkSettings(conf={name: joined}), []) == OURS


def test_without_the_engine_spark_would_not_start_with_it() -> None:
    assert shuffle_settings(SparkSettings(), None) == {}
    assert shuffle_settings(SparkSettings(), JARS[:1]) == {}


@pytest.mark.parametrize(("version", "has_it"), [("4.0.1", False), ("4.2.0", False), ("4.3.0", True), ("5.0.0", True)])
def test_since_when(monkeypatch: pytest.MonkeyPatch, version: str, *, has_it: bool) -> None:
    monkeypatch.setattr(pyspark, "__version__", version)

    assert has_streaming_shuffle() == has_it
    assert bool(shuffle_settings(SparkSettings(), JARS)) == has_it
