"""`mdstream run`: jobs in one Spark application."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, cast

import typer

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.metrics_port import MetricsPort
from mdstream.config import SparkSettings, load_settings
from mdstream.config.jobs import LAKE_JOB, LIVE_JOB
from mdstream.errors import InvalidInputError, did_you_mean

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from mdstream.streaming import Job


def run(
    jobs: Annotated[
        list[str], typer.Argument(metavar="JOB...", help="live_bars, store_ticks, store_quotes, analytics, archive")
    ],
    metrics_port: MetricsPort = None,
    config: ConfigFile = None,
) -> None:
    """Run jobs in one Spark application until SIGTERM or Ctrl-C; a query that fails for good ends it with exit code 1.

    - `live_bars`: ticks to bars within milliseconds
    - `store_ticks`: ticks to the stores that are switched on
    - `store_quotes`: quotes to the stores that are switched on, for feeds that are asked for quotes
    - `analytics`: bars, indicators and anomalies to the stores that are switched on
    - `archive`: ticks and bars to the lake; needs `mdstream-spark[lake]`, an environment with Spark 4.2

    Topics and tables must be there: `mdstream topics create` and `mdstream maintain` make them. What is missing is said
    before Spark starts. A query that fails on what passes by itself is started again while the others go on. SIGTERM
    and Ctrl-C end it with exit code 0 when batches under way are done; a second time without waiting, in five seconds
    at most (exit code 143 or 130 if it had to be cut off).

    Example: `mdstream run live_bars store_ticks analytics`
    """
    starts = [_job(name) for name in dict.fromkeys(jobs)]
    settings = load_settings(config)
    if metrics_port is not None:
        monitoring = settings.monitoring.model_copy(update={"jobs_port": metrics_port})
        settings = settings.model_copy(update={"monitoring": monitoring})

    # Imported here so that `mdstream --help` stays quick.
    from mdstream.cli.console import step
    from mdstream.monitoring.preflight import check_jobs, require
    from mdstream.monitoring.runtime import check_runtime
    from mdstream.streaming import run_jobs, with_delta

    step("looking at servers, topics and tables")
    require([*check_runtime(settings.spark), *check_jobs(settings, jobs)])
    session = with_delta(settings) if LAKE_JOB in jobs else settings.spark
    with _session(session, jobs) as spark:
        run_jobs(starts, spark, settings)


@contextmanager
def _session(settings: SparkSettings, jobs: list[str]) -> Iterator[SparkSession]:
    """Start Spark with the jars that the jobs need, and stop it at the end."""
    from mdstream.cli.console import step
    from mdstream.runtime import use_java
    from mdstream.runtime.classes import class_archive
    from mdstream.runtime.engine import live_jars
    from mdstream.runtime.jars import fetch_connectors
    from mdstream.streaming import build_session, stop_session

    java = use_java()
    is_live = LIVE_JOB in jobs
    with ExitStack() as end:
        jars = None
        if settings.packages:
            step("looking for the connectors and the live engine; the first time they are fetched and compiled")
            jars = (live_jars if is_live else fetch_connectors)(settings.packages, java)
        archive = None
        if jars and is_live and settings.is_local and settings.class_archive:
            archive = end.enter_context(class_archive(java, jars))
            settings, jars = archive.used_by(settings), []
        step("starting Spark")
        spark = build_session(settings, " ".join(jobs), jars)
        end.callback(stop_session, spark)
        if archive is not None:
            end.enter_context(archive.made_meanwhile(spark))
        yield spark


def _job(name: str) -> Job:
    package = importlib.import_module("mdstream.jobs")
    known = [module.name for module in pkgutil.iter_modules(package.__path__)]
    if name not in known:
        raise InvalidInputError(f"there is no job '{name}'; {did_you_mean(name, known)}")
    return cast("Job", importlib.import_module(f"mdstream.jobs.{name}").start)
