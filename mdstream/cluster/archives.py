"""Packs mdstream and what it needs into archives that Spark unpacks on every executor."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import logging
import platform
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mdstream.errors import DISTRIBUTION, MissingDependencyError
from mdstream.runtime.cache import cached

logger = logging.getLogger(__name__)

_JOBS = "jobs"
"""The extra that jobs need."""

_EXTRAS = ("influxdb", "forecasting")
"""What jobs use, if it is installed."""

_LEFT_OUT = frozenset({"pyspark", "nvidia-nccl-cu12", "plotly"})
"""Brought by Spark itself, for several graphics cards (469 MB), and for charts that no job draws."""

_NEEDED_ON_EXECUTORS = ("mdstream", "mdstream.jobs")

Content = list[tuple[Path, str]]
"""Files and what they are called in the archive."""


def library_archive() -> Path:
    """Return an archive of mdstream as it is installed here, jobs included; made anew when a file changes.

    Raises:
        ServerError: The cache cannot be written.
    """
    content = [entry for package in _NEEDED_ON_EXECUTORS for entry in _files_of(package)]
    digest = hashlib.sha256()
    for file, name in content:
        digest.update(name.encode() + b"\0" + file.read_bytes())
    return _packed("library", digest.hexdigest(), content)


def dependencies_archive() -> Path:
    """Return an archive of all packages that jobs need on an executor, in the versions that are installed here.

    They are the requirements of mdstream and of those of its extras that jobs use and that are installed, without
    Spark. What is compiled in them runs on the same system with the same minor version of Python only.

    Raises:
        MissingDependencyError: A package is not installed.
        ServerError: The cache cannot be written.
    """
    needed = _requirements_of(DISTRIBUTION, [_JOBS, *_installed_extras()])
    content = [entry for package in needed for entry in _installed_files(package)]
    # A package that was installed at another place gives the same archive.
    versions = sorted(f"{package.name} {package.version}" for package in needed)
    digest = hashlib.sha256("\n".join((platform.platform(), platform.python_version(), *versions)).encode())
    return _packed("dependencies", digest.hexdigest(), content)


def _packed(label: str, digest: str, content: Content) -> Path:
    def build(folder: Path) -> None:
        logger.info("packing %s for the executors; this happens once", label)
        with tarfile.open(folder / f"{label}.tar.gz", "w:gz", compresslevel=1, dereference=True) as archive:
            for file, name in content:
                archive.add(file, name)

    return cached(f"{label}-{digest[:16]}", build) / f"{label}.tar.gz"


def _files_of(package: str) -> Iterator[tuple[Path, str]]:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingDependencyError.for_extra(package, _JOBS)
    folder = Path(spec.origin).parent
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file, f"{package.replace('.', '/')}/{file.relative_to(folder)}"


def _installed_extras() -> list[str]:
    return [
        extra for extra in _EXTRAS if all(map(_is_installed, _needs(DISTRIBUTION, extra) - _needs(DISTRIBUTION, "")))
    ]


def _requirements_of(root: str, extras: Iterable[str]) -> list[importlib.metadata.Distribution]:
    """Return the packages that `root` requires with these extras, and all that those require."""
    found: dict[str, importlib.metadata.Distribution] = {}
    looked_at: set[tuple[str, str]] = set()
    pending = [(root, extra) for extra in ("", *extras)]
    while pending:
        place = pending.pop()
        if place not in looked_at:
            looked_at.add(place)
            for name, extra in _needs(*place):
                if name != DISTRIBUTION:
                    found[name] = _distribution(name)
                pending += [(name, ""), (name, extra)]
    return list(found.values())


def _needs(package: str, extra: str) -> set[tuple[str, str]]:
    """Return what a package requires directly, each with an extra of its own or none."""
    requirements = map(Requirement, _distribution(package).requires or ())
    return {
        (canonicalize_name(requirement.name), own)
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        for own in ("", *requirement.extras)
        if canonicalize_name(requirement.name) not in _LEFT_OUT
    }


def _is_installed(need: tuple[str, str]) -> bool:
    return any(True for _ in importlib.metadata.distributions(name=need[0]))


def _distribution(package: str) -> importlib.metadata.Distribution:
    try:
        return importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError as exc:
        raise MissingDependencyError.for_extra(package, _JOBS) from exc


def _installed_files(package: importlib.metadata.Distribution) -> Iterator[tuple[Path, str]]:
    for file in package.files or ():
        # Commands lie outside of the folder of packages. Byte code goes along: each process would make it anew.
        if ".." not in file.parts and (found := Path(str(file.locate()))).is_file():
            yield found, str(file)
