"""Spark for commands that work on stored data and end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import Progress

from mdstream.cli.console import errors, step
from mdstream.config import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@contextmanager
def reading(name: str) -> Iterator[Callable[[float], None]]:
    """Show how much of a file is read, and yield a function that takes that share, 0 to 1."""
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task(f"reading {name}", total=1.0)
        yield lambda share: progress.update(task, completed=share)


@contextmanager
def batch_session(settings: Settings, name: str, doing: str) -> Iterator[tuple[SparkSession, Callable[[float], None]]]:
    """Start Spark without connectors, stop it at the end, and show both what is done and how far it is.

    Args:
        settings: Of which `spark` counts.
        name: Name of the application.
        doing: What the work is, for people.

    Yields:
        The session, and a function that takes the share of the work that is done, 0 to 1. Until it is called the
        work is shown as of unknown length.

    Raises:
        MissingDependencyError: There is no Java that Spark runs on.
    """
    # Imported here so that `mdstream --help` stays quick.
    from mdstream.runtime import use_java
    from mdstream.streaming import build_session, stop_session

    use_java()
    if not errors.is_terminal:
        step("starting Spark")
    with Progress(console=errors, transient=True) as progress:
        starting = progress.add_task("starting Spark", total=None)
        spark = build_session(settings.spark, name, jars=[])
        progress.remove_task(starting)
        working = progress.add_task(doing, total=None)
        try:
            yield spark, lambda share: progress.update(working, total=1.0, completed=share)
        finally:
            stop_session(spark)
