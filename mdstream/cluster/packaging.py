"""Settings of Spark that bring mdstream to the machines of a cluster."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import mdstream
from mdstream.cluster.archives import dependencies_archive, library_archive
from mdstream.streaming.session import PYTHON_WORKERS

_PYTHON = "spark.pyspark.python"
_ARCHIVES = "spark.archives"
_PATH = "spark.executorEnv.PYTHONPATH"

_LIBRARY = "mdstream-library"
_DEPENDENCIES = "mdstream-dependencies"
"""Folders that the archives become in the working folder of an executor."""


def packaged(conf: Mapping[str, str]) -> dict[str, str]:
    """Return settings of Spark that bring mdstream and its dependencies to machines that have only Python and Spark.

    Args:
        conf: What else is set; archives and a path of Python in it stay.

    Raises:
        MissingDependencyError: A package that jobs need is not installed here.
        ServerError: The archives cannot be written.
    """
    archives = (f"{library_archive()}#{_LIBRARY}", f"{dependencies_archive()}#{_DEPENDENCIES}")
    path = (_LIBRARY, _DEPENDENCIES)
    return {
        # Compiled packages are of this version.
        _PYTHON: conf.get(_PYTHON, f"python3.{sys.version_info.minor}"),
        _ARCHIVES: ",".join(filter(None, (conf.get(_ARCHIVES), *archives))),
        _PATH: os.pathsep.join(filter(None, (*path, conf.get(_PATH)))),
    }


def driver_python_path() -> str:
    """Return the `PYTHONPATH` by which the executors' Python finds here what it finds there in the archives.

    Spark starts it on the driver's machine too, to ask a stateful processor what state it keeps.
    """
    own = os.environ.get("PYTHONPATH")
    places = (
        PYTHON_WORKERS,
        Path(mdstream.__file__).parents[1],
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
    )
    return os.pathsep.join(dict.fromkeys([*map(str, places), *([own] if own else [])]))
