"""Keeps the classes that live bars load in an archive, from which the next Java has them at once."""

from __future__ import annotations

import hashlib
import logging
import os
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from mdstream.config import SparkSettings
from mdstream.errors import ServerError
from mdstream.runtime.cache import cache_folder, cached
from mdstream.runtime.jars import spark_home
from mdstream.runtime.java import QUICK_COMPILING, WITHOUT_TRACES, Java

logger = logging.getLogger(__name__)

SETTLED_SECONDS = 300.0
"""How long after its start a run has loaded what it needs, and is no longer busy with itself."""

_CLASS_PATH = "spark.driver.extraClassPath"
_OPTIONS = "spark.driver.defaultJavaOptions"
# Only this collector lays out objects too.
_MAKER = ("-Xshare:dump", "-Xmx1g", "-XX:+UseG1GC", *QUICK_COMPILING.split(), WITHOUT_TRACES)
_MAKE_SECONDS = 600.0
_LOOK_SECONDS = 0.2
_STOP_SECONDS = 5.0
_UNUSED_SECONDS = 30 * 24 * 3600.0
# An archive that does not fit is left alone without a word, and so is what of it does not.
_SILENT = "-Xlog:cds=off -Xlog:cds+dynamic=off"


class ClassArchive:
    """Classes of one Java, one Spark and its connectors, read, checked and laid out as Java has them in memory.

    Java reads 15,000 classes before the first bar, and checks each. It maps an archive of them into memory instead, if
    all jars are on its class path and the same. There is one for each content, made in the background during the first
    run that is long enough, with the least priority. One that is broken, or does not fit, Java leaves alone.

    Args:
        java: What runs, and makes the archive.
        jars: Those of the connectors and of the live engine.
        notes: A folder for the names of the classes that are loaded, until the archive is made.
    """

    def __init__(self, java: Java, jars: Sequence[Path], notes: Path) -> None:
        self._java = java
        self._jars = jars
        self._name = f"classes-{_digest(java, jars)}"
        self._folder = cache_folder() / self._name
        self._loaded = None if self._folder.is_dir() else notes / "classes"

    def used_by(self, settings: SparkSettings) -> SparkSettings:
        """Return settings of a local session with the jars on Java's class path, and this archive if it is there."""
        if self._loaded is None:
            with suppress(OSError):
                os.utime(self._folder)
            option = f"-XX:SharedArchiveFile={self._folder / 'classes.jsa'}"
        else:
            option = f"-XX:DumpLoadedClassList={self._loaded}"
        conf = dict(settings.conf)
        _join(conf, _CLASS_PATH, os.pathsep.join(map(str, self._jars)), os.pathsep)
        _join(conf, _OPTIONS, f"{shlex.quote(option)} {_SILENT}", " ")
        return settings.model_copy(update={"conf": conf})

    @contextmanager
    def made_meanwhile(self, spark: SparkSession) -> Iterator[None]:
        """Make the archive if it is not there yet and the block lasts long enough for that."""
        if self._loaded is None:
            yield
            return
        jvm: Any = spark._jvm  # noqa: SLF001 - only Java itself knows its class path, in its order
        class_path = str(jvm.System.getProperty("java.class.path"))
        ended = threading.Event()
        maker = threading.Thread(target=self._make_later, args=(class_path, ended), name="classes", daemon=True)
        maker.start()
        try:
            yield
        finally:
            ended.set()
            maker.join(_STOP_SECONDS)

    def _make_later(self, class_path: str, ended: threading.Event) -> None:
        if ended.wait(SETTLED_SECONDS):
            return
        try:
            cached(self._name, partial(self._make, class_path=class_path, ended=ended))
            _forget_unused()
        except (ServerError, OSError) as exc:
            logger.info("the next start will load its classes one by one again: %s", exc)

    def _make(self, folder: Path, class_path: str, ended: threading.Event) -> None:
        names = folder / "classes"
        # The last line may be one that Java is writing.
        names.write_bytes((self._loaded or names).read_bytes().rpartition(b"\n")[0])
        command: list[str | Path] = ["nice", "-n", "19", self._java.executable, *_MAKER, "-cp", class_path]
        command += [f"-XX:SharedClassListFile={names}", f"-XX:SharedArchiveFile={folder / 'classes.jsa'}"]
        with (folder / "log").open("wb") as log:
            maker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
            try:
                _wait(maker, ended)
            finally:
                maker.kill()
                maker.wait()
        if maker.returncode:
            raise ServerError(f"Java makes no archive of them:\n{_last_lines(folder / 'log')}")
        names.unlink()
        (folder / "log").unlink()


@contextmanager
def class_archive(java: Java, jars: Sequence[Path]) -> Iterator[ClassArchive]:
    """Yield the archive for this Java and these jars; see `ClassArchive`."""
    with tempfile.TemporaryDirectory(prefix="mdstream-classes-") as notes:
        yield ClassArchive(java, jars, Path(notes))


def _digest(java: Java, jars: Sequence[Path]) -> str:
    """Return what names all that Java itself compares before it takes an archive."""
    digest = hashlib.sha256(f"{java.home}\0{java.build}".encode())
    for jar in (*sorted((spark_home() / "jars").glob("*.jar")), *jars):
        state = jar.stat()
        digest.update(f"\0{jar}\0{state.st_size}\0{state.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


def _join(conf: dict[str, str], name: str, ours: str, separator: str) -> None:
    conf[name] = separator.join(filter(None, (ours, conf.get(name))))


def _wait(maker: subprocess.Popen[bytes], ended: threading.Event) -> None:
    deadline = time.monotonic() + _MAKE_SECONDS
    while maker.poll() is None:
        if ended.wait(_LOOK_SECONDS):
            raise ServerError("the run ended before the archive of them was made")
        if time.monotonic() > deadline:
            raise ServerError(f"an archive of them takes Java more than {_MAKE_SECONDS:g} s")


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])


def _forget_unused() -> None:
    """Remove archives of what is no longer there, by nobody's use of them."""
    for folder in cache_folder().glob("classes-*"):
        if folder.is_dir() and time.time() - folder.stat().st_mtime > _UNUSED_SECONDS:
            shutil.rmtree(folder)
