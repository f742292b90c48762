"""`mdstream run`: jobs in one Spark application."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Annotated, cast

import typer

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.metrics_port import MetricsPort
from mdstream.config import load_settings
from mdstream.config.jobs import LAKE_JOB, LIVE_JOB
from mdstream.errors import InvalidInputError, did_you_mean

if TYPE_CHECKING:
    from mdstream.streaming import Job


def run(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="live_bars, store_ticks, analytics, archive")],
    metrics_port: MetricsPort = None,
    config: ConfigFile = None,
) -> None:
    """Run jobs in one Spark application until SIGTERM or Ctrl-C; a query that fails for good ends it with exit code 1.

    - `live_bars`: ticks to bars within milliseconds
    - `store_ticks`: ticks to the stores that are switched on
    - `analytics`: bars, indicators and anomalies to the stores that are switched on
    - `archive`: ticks and bars to the lake; needs `mdstream[lake]`, an environment with Spark 4.2

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
    from mdstream.local import use_java
    from mdstream.local.engine import live_jars
    from mdstream.local.jars import fetch_connectors
    from mdstream.local.runtime import check_runtime
    from mdstream.operations.preflight import check_jobs, require
    from mdstream.streaming import build_session, run_jobs, stop_session, with_delta

    session = with_delta(settings) if LAKE_JOB in jobs else settings.spark
    step("looking at servers, topics and tables")
    require([*check_runtime(settings.spark), *check_jobs(settings, jobs)])
    java = use_java()
    jars = None
    if session.packages:
        step("looking for the connectors and the live engine; the first time they are fetched and compiled")
        jars = (live_jars if LIVE_JOB in jobs else fetch_connectors)(session.packages, java)
    step("starting Spark")
    spark = build_session(session, " ".join(jobs), jars)
    try:
        run_jobs(starts, spark, settings)
    finally:
        stop_session(spark)


def _job(name: str) -> Job:
    package = importlib.import_module("mdstream.jobs")
    known = [module.name for module in pkgutil.iter_modules(package.__path__)]
    if name not in known:
        raise InvalidInputError(f"there is no job '{name}'; {did_you_mean(name, known)}")
    return cast("Job", importlib.import_module(f"mdstream.jobs.{name}").start)
