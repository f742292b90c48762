"""`mdstream submit`: jobs on a cluster that has nothing of mdstream."""

from __future__ import annotations

import json
import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.metrics_port import MetricsPort
from mdstream.cli.run import run
from mdstream.config import CONFIG_VARIABLE, Settings, SparkSettings, load_settings
from mdstream.config.jobs import LAKE_JOB
from mdstream.errors import InvalidInputError

_CONF = "MDSTREAM_SPARK__CONF"
_PACKAGES = "MDSTREAM_SPARK__PACKAGES"
_LAKE_PACKAGE = "MDSTREAM_STORES__LAKE__PACKAGE"
_JARS = "spark.jars"
_METRICS_PORT = "MDSTREAM_MONITORING__JOBS_PORT"


def submit(
    jobs: Annotated[
        list[str],
        typer.Argument(
            metavar="JOB...", help="live_bars, store_ticks, store_quotes, analytics, archive; or a Python file of yours"
        ),
    ],
    package: Annotated[
        bool,
        typer.Option(help="Send mdstream and its dependencies along; without, the machines have them, in an image."),
    ] = True,
    metrics_port: MetricsPort = None,
    config: ConfigFile = None,
) -> None:
    """Run jobs on the cluster that `spark.master` names, with all that its machines need of mdstream.

    The driver runs here, as with `mdstream run`: settings and secrets are read here, and what sinks need of them
    travels with the tasks. The executors need Spark of the same version, the same minor version of Python and, with
    `--no-package`, mdstream.

    Example: `mdstream submit live_bars store_ticks analytics`
    """
    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config)
    if metrics_port is not None:
        os.environ[_METRICS_PORT] = str(metrics_port)
    # Jobs read their settings themselves, a file of somebody else's just as ours.
    os.environ |= _environment(_session_of(jobs, load_settings()), package=package)
    if jobs[0].endswith(".py"):
        _run_file(Path(jobs[0]), jobs[1:])
    else:
        run(jobs)


def _session_of(jobs: Sequence[str], settings: Settings) -> SparkSettings:
    # Imported here so that `mdstream --help` stays quick.
    from mdstream.streaming import with_delta

    return with_delta(settings) if LAKE_JOB in (Path(job).stem for job in jobs) else settings.spark


def _environment(settings: SparkSettings, *, package: bool) -> dict[str, str]:
    """Return the variables that let a job bring its connectors, and itself, to the machines of the cluster."""
    # Imported here so that `mdstream --help` stays quick.
    from mdstream.cluster import driver_python_path, packaged
    from mdstream.runtime import use_java
    from mdstream.runtime.engine import live_jars

    java = use_java()
    conf: dict[str, str] = json.loads(os.environ.get(_CONF, "{}"))
    if settings.packages:
        jars = (settings.conf.get(_JARS), *map(str, live_jars(settings.packages, java)))
        conf[_JARS] = ",".join(filter(None, jars))
    found_by = {}
    if package and not settings.is_local:
        conf |= packaged(settings.conf)
        found_by["PYTHONPATH"] = driver_python_path()
    return {_CONF: json.dumps(conf), _PACKAGES: "[]", _LAKE_PACKAGE: "", **found_by}


def _run_file(file: Path, arguments: list[str]) -> None:
    if not file.is_file():
        raise InvalidInputError(f"there is no file {file}; expected a Python file, or names of jobs")
    sys.argv = [str(file), *arguments]
    runpy.run_path(str(file), run_name="__main__")
