"""Fetches Java packages through Spark's own Ivy, once for each user."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mdstream.errors import MissingDependencyError, ServerError
from mdstream.runtime.cache import cache_folder, cached
from mdstream.runtime.java import WITHOUT_TRACES, Java

logger = logging.getLogger(__name__)

KAFKA_SERVER_PACKAGE = "org.apache.kafka:kafka_2.13:4.2.0"
"""Maven coordinate of the Kafka server."""

_LIBRARY = re.compile(r"(.+?)-\d")
"""What a jar's name says before its version."""

_FETCH_SECONDS = 900
_REASON = re.compile(r"Server access error|SSLHandshake|UnknownHost|not found|unresolved dependency|proxy server")


def spark_home() -> Path:
    """Return the folder of the installed Spark.

    Raises:
        MissingDependencyError: pyspark is not installed.
    """
    package = importlib.util.find_spec("pyspark")
    if package is None or package.origin is None:
        raise MissingDependencyError.for_extra("pyspark", "spark")
    return Path(package.origin).parent


def fetch_jars(packages: Sequence[str], java: Java) -> list[Path]:
    """Return the jars of Maven packages with all that they need, from the cache or from Maven's registry.

    Spark's settings for repositories (`spark.jars.repositories`, `spark.jars.ivySettings` in its
    `spark-defaults.conf`) are honoured.

    Args:
        packages: Maven coordinates, `group:artifact:version`.
        java: What Ivy runs on.

    Raises:
        ServerError: The registry cannot be reached or has no such package, or the cache cannot be written.
    """
    folder = cached(_cache_name(packages), lambda folder: _resolve(",".join(packages), folder, java))
    return sorted(folder.glob("*.jar"))


def fetch_connectors(packages: Sequence[str], java: Java) -> list[Path]:
    """Return of the jars of Maven packages those that Spark does not have itself; see `fetch_jars`.

    Of two versions of a library on a class path luck decides, and what is not there need not be copied at each start.
    """
    there = {_library(jar.name) for jar in (spark_home() / "jars").glob("*.jar")}
    return [jar for jar in fetch_jars(packages, java) if _library(name_of(jar)) not in there]


def name_of(jar: Path) -> str:
    """Return the name of a fetched jar without its group, which Ivy puts in front.

    Example:
        >>> name_of(Path("org.apache.kafka_kafka-clients-3.9.2.jar"))
        'kafka-clients-3.9.2.jar'
    """
    return jar.name.partition("_")[2]


def _library(jar: str) -> str:
    found = _LIBRARY.match(jar)
    return found[1] if found else jar


def are_cached(packages: Sequence[str]) -> bool:
    """Say whether the jars of these packages have been fetched."""
    return (cache_folder() / _cache_name(packages)).is_dir()


def fetched_bytes(packages: Sequence[str]) -> int:
    """Return how much of packages that are being fetched has come."""
    unfinished = cache_folder().glob(f".{_cache_name(packages)}-*/ivy-*/cache/**/*.jar*")
    return sum(_size_of(file) for file in unfinished)


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # renamed meanwhile
        return 0


def _cache_name(packages: Sequence[str]) -> str:
    label = "+".join(re.sub(r"[^\w.-]", "_", package.split(":", 1)[-1]) for package in packages)
    return f"jars-{label[:100]}-{hashlib.sha256(','.join(packages).encode()).hexdigest()[:8]}"


def _resolve(packages: str, folder: Path, java: Java) -> None:
    """Fetch packages without what Maven has kept in the user's home, or with that if the registry does not do.

    Of what `~/.m2` has in part, descriptions without their jars, Ivy would look for the rest nowhere else.
    """
    logger.info("fetching %s; this happens once", packages)
    try:
        _submit_nothing(packages, folder, java, without_home=True)
    except ServerError:
        if not (Path.home() / ".m2" / "repository").is_dir():
            raise
        _submit_nothing(packages, folder, java, without_home=False)


def _submit_nothing(packages: str, folder: Path, java: Java, *, without_home: bool) -> None:
    """Let spark-submit resolve the packages for a program that does nothing, and keep only the jars."""
    with tempfile.TemporaryDirectory(prefix="ivy-", dir=folder) as work:
        # Where Ivy looks for ~/.m2.
        options = [WITHOUT_TRACES, *([shlex.quote(f"-Duser.home={work}")] if without_home else [])]
        _submit(packages, Path(work), java, " ".join(options))
        for jar in (Path(work) / "jars").glob("*.jar"):
            jar.rename(folder / jar.name)


def _submit(packages: str, work: Path, java: Java, options: str) -> None:
    program = work / "nothing.py"
    program.touch()
    home = spark_home()
    environment = os.environ | {"JAVA_HOME": str(java.home), "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable}
    environment["SPARK_LAUNCHER_OPTS"] = WITHOUT_TRACES
    command: list[str | Path] = [home / "bin" / "spark-submit", "--master", "local", "--packages", packages]
    command += ["--conf", f"spark.jars.ivy={work}", "--conf", f"spark.driver.defaultJavaOptions={options}"]
    command.append(program)
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise ServerError(f"fetching {packages} from Maven's registry took more than {_FETCH_SECONDS} s") from exc
    if done.returncode or not any((work / "jars").glob("*.jar")):
        raise ServerError(_explain(packages, done.stdout + done.stderr))


def _explain(packages: str, output: str) -> str:
    lines = [line.strip() for line in output.splitlines()]
    reasons = list(dict.fromkeys(line for line in lines if _REASON.search(line))) or lines[-5:]
    return (
        f"cannot fetch {packages} from Maven's registry. Check the network and the proxy, or name a mirror with "
        "spark.jars.repositories in Spark's spark-defaults.conf. Ivy said:\n  " + "\n  ".join(reasons[:8])
    )
