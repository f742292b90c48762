"""What a process that is killed leaves behind, and the folders that this is in."""

from __future__ import annotations

import atexit
import fcntl
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mdstream.config import SparkSettings
from mdstream.errors import ConfigError

logger = logging.getLogger(__name__)

_PREFIX = "mdstream-spark-"
_LOCK = "owner.lock"
_LOCAL_DIR = "spark.local.dir"

OWN_FOLDER_VARIABLE = "SPARK_FOLDER_OF_MDSTREAM"
"""Environment variable that names the folder of `own_temporary_folder` to the workers of this machine."""

_UNFINISHED_SECONDS = 5.0
"""A file of a checkpoint gets its name within milliseconds: one that is still unnamed then is nobody's."""


def local_folder(location: str) -> Path | None:
    """Return the folder of this machine that a location is; None for one of another file system.

    Example:
        >>> local_folder("file:///mnt/shared"), local_folder("s3a://bucket/x")
        (PosixPath('/mnt/shared'), None)
    """
    parts = urlsplit(location)
    if parts.scheme == "":
        return Path(location)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def written_folders(settings: SparkSettings) -> list[Path]:
    """Return where a Spark application of this machine writes: checkpoints, and what it spills and unpacks."""
    checkpoints = local_folder(settings.checkpoint_location)
    return [*([] if checkpoints is None else [checkpoints]), *_temporary_folders(settings)]


def _temporary_folders(settings: SparkSettings) -> list[Path]:
    return [Path(folder) for folder in settings.conf.get(_LOCAL_DIR, tempfile.gettempdir()).split(",")]


def own_temporary_folder(settings: SparkSettings) -> Path:
    """Return a folder for what Spark and its Java unpack and spill, gone with this process.

    A process that is killed leaves its own, with some 75 MB of jars; the next one that asks removes it. A lock says
    whose process lives, which no other process inherits.

    Raises:
        ConfigError: It cannot be made.
    """
    parent = _temporary_folders(settings)[0]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(parent)
        own = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    except OSError as exc:
        raise ConfigError(
            f"Spark cannot write its temporary files to {parent}: {exc.strerror}; free space there, or name another "
            f"folder: spark.conf: {{{_LOCAL_DIR}: ...}}"
        ) from exc
    lock = os.open(own / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    # Open for as long as this process lives: the system lets the lock go with it. Others look for its name.
    fcntl.flock(lock, fcntl.LOCK_EX)
    (own / ".lock").rename(own / _LOCK)
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    os.environ[OWN_FOLDER_VARIABLE] = str(own)
    return own


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError), _is_mine_to_remove(folder) as is_abandoned:
            if is_abandoned:
                logger.info("removing %s, which a process that was killed has left", folder)
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _is_mine_to_remove(folder: Path) -> Iterator[bool]:
    lock = os.open(folder / _LOCK, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(lock)


def remove_unfinished(checkpoint: str) -> None:
    """Remove the files of a query's checkpoint that a process that was killed had begun and not named.

    To be called while the query does not run.
    """
    folder = local_folder(checkpoint)
    if folder is None or not folder.is_dir():
        return
    oldest_of_others = time.time() - _UNFINISHED_SECONDS
    for pattern in (".*.tmp", ".*.tmp.crc"):
        for file in folder.rglob(pattern):
            with suppress(OSError):
                if file.stat().st_mtime < oldest_of_others:
                    file.unlink()
                    logger.info("removed %s, which a process that was killed has left", file)
