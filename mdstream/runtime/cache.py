"""The per-user cache folder, and how something is put into it exactly once."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from mdstream.errors import ServerError


def cache_folder() -> Path:
    """Return the folder for what is fetched once: `$XDG_CACHE_HOME/mdstream`, or `~/.cache/mdstream`.

    Raises:
        ServerError: There is no home folder.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "mdstream"
    except RuntimeError as exc:
        raise ServerError(f"no cache folder: {exc} Set HOME or XDG_CACHE_HOME.") from exc


def cached(name: str, build: Callable[[Path], None]) -> Path:
    """Return the cached folder `name`, made by `build` if it is not there yet.

    `build` fills an empty folder that gets its name only when it is complete, so an interrupted one is never
    seen. Of several processes that want the same folder one builds it and the others wait.

    Raises:
        ServerError: The cache cannot be written.
    """
    target = cache_folder() / name
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (target.parent / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.is_dir():
                _build_beside(target, build)
    except OSError as exc:
        raise ServerError(
            f"cannot write the cache folder {target.parent} ({exc.strerror}); "
            "point XDG_CACHE_HOME at a folder that can be written"
        ) from exc
    return target


def _build_beside(target: Path, build: Callable[[Path], None]) -> None:
    for abandoned in target.parent.glob(f".{target.name}-*"):
        shutil.rmtree(abandoned)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        build(unfinished)
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
