"""Compiles the live engine's Java, once for each user, content and Spark."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import mdstream.streaming
from mdstream.errors import ServerError
from mdstream.runtime.cache import cached
from mdstream.runtime.jars import fetch_connectors, fetch_jars, spark_home
from mdstream.runtime.java import WITHOUT_TRACES, Java
from mdstream.streaming.shuffle import ENGINE_JAR, SHUFFLE_SOURCES, has_streaming_shuffle

logger = logging.getLogger(__name__)

COMPILER_PACKAGE = "org.eclipse.jdt:ecj:3.41.0"
"""Maven coordinate of a Java compiler that needs no JDK, only what Spark runs on."""

NATIVE_PACKAGE = "net.java.dev.jna:jna:5.17.0"
"""Maven coordinate of what lets Java call TA-Lib."""

_SOURCES = Path(mdstream.streaming.__file__).parent / "java"
_COMPILE_SECONDS = 300
_OPTIONS = ("-17", "-encoding", "UTF-8", "-proc:none", "-g")


def live_jars(packages: Sequence[str], java: Java) -> list[Path]:
    """Return the jars that live bars need: those of the connectors, and the engine compiled for them.

    Args:
        packages: Maven coordinates of the connectors, Kafka's among them.
        java: What compiles.

    Raises:
        ServerError: A package cannot be fetched, the cache cannot be written, or the engine does not compile.
    """
    connectors = called_jars(packages, java)
    return [*connectors, engine_jar(connectors, java)]


def called_jars(packages: Sequence[str], java: Java) -> list[Path]:
    """Return the jars beside Spark's own that the engine calls: those of the connectors, and what calls TA-Lib.

    Args:
        packages: Maven coordinates of the connectors, Kafka's among them.
        java: What fetches.

    Raises:
        ServerError: A package cannot be fetched, or the cache cannot be written.
    """
    return [*fetch_connectors(packages, java), *fetch_jars([NATIVE_PACKAGE], java)]


def engine_jar(connectors: Sequence[Path], java: Java) -> Path:
    """Return the jar of the live engine, from the cache or compiled now.

    Args:
        connectors: Jars beside Spark's own that the engine calls, of Kafka's connector.
        java: What compiles.

    Raises:
        ServerError: The compiler cannot be fetched, the cache cannot be written, or the engine does not compile.
    """
    digest = hashlib.sha256("\n".join((COMPILER_PACKAGE, *(jar.name for jar in _libraries(connectors)))).encode())
    for source in _sources():
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    folder = cached(f"engine-{digest.hexdigest()[:16]}", lambda folder: _build(folder, connectors, java))
    return folder / ENGINE_JAR


def compile_command(
    classes: Path, connectors: Sequence[Path], java: Java, warnings: Sequence[str] = ("-nowarn",)
) -> list[str | Path]:
    """Return the command that compiles the live engine into a folder.

    Args:
        classes: The folder.
        connectors: Jars beside Spark's own that the engine calls.
        java: What compiles.
        warnings: Options of the compiler that say what it warns of.

    Raises:
        ServerError: The compiler cannot be fetched.
    """
    (compiler,) = fetch_jars([COMPILER_PACKAGE], java)
    command: list[str | Path] = [java.executable, WITHOUT_TRACES, "-jar", compiler, *_OPTIONS, *warnings]
    return [*command, "-classpath", ":".join(map(str, _libraries(connectors))), "-d", classes, *_sources()]


def _build(folder: Path, connectors: Sequence[Path], java: Java) -> None:
    command = compile_command(folder / "classes", connectors, java)
    logger.info("compiling the live engine; this happens once")
    done = subprocess.run(command, capture_output=True, text=True, timeout=_COMPILE_SECONDS, check=False)
    if done.returncode:
        raise ServerError(f"the live engine does not compile against this Spark:\n{done.stdout}{done.stderr}")
    with zipfile.ZipFile(folder / ENGINE_JAR, "w", zipfile.ZIP_DEFLATED) as jar:
        for file in sorted((folder / "classes").rglob("*.class")):
            jar.write(file, file.relative_to(folder / "classes"))


def _sources() -> list[Path]:
    sources = sorted(_SOURCES.rglob("*.java"))
    return [source for source in sources if source.parent.name != SHUFFLE_SOURCES or has_streaming_shuffle()]


def _libraries(connectors: Sequence[Path]) -> list[Path]:
    return [*sorted((spark_home() / "jars").glob("*.jar")), *connectors]
