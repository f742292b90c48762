"""What packages add to mdstream, found by name through entry points; what mdstream itself brings is registered alike.

A feed, a store, a channel of alerts or an indicator is an object of a Python module, which the package's metadata name:

    [project.entry-points."mdstream.feeds"]
    acme = "acme_feed:FEED"
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from mdstream.errors import DISTRIBUTION, ExtensionError, MdstreamError, did_you_mean

T = TypeVar("T")


@dataclass(frozen=True)
class ExtensionPoint:
    """A kind of thing that packages may add.

    Attributes:
        group: Group of entry points.
        what: What one of them is called in messages.
    """

    group: str
    what: str

    def installed(self) -> dict[str, str]:
        """Return the packages that bring one each, by the name that it goes by.

        Example:
            >>> FEEDS.installed()["binance"]
            'mdstream-spark'
        """
        return {entry.name: _package_of(entry) for entry in self._entries()}

    def load(self, name: str, kind: type[T]) -> T:
        """Return what goes by `name`.

        Args:
            name: Name of the entry point.
            kind: Class of what it has to give.

        Raises:
            ExtensionError: Nothing or more than one is installed by this name, it fails to import, or is something
                else.
            MdstreamError: What mdstream itself brings needs a package that is not installed.

        Example:
            >>> FEEDS.load("binance", object)  # doctest: +ELLIPSIS
            FeedExtension(...)
        """
        found = [entry for entry in self._entries() if entry.name == name]
        if not found:
            raise ExtensionError(self.unknown(name))
        if found[1:]:
            raise ExtensionError(
                f"{len(found)} packages bring a {self.what} {name}: {', '.join(map(_package_of, found))}; expected "
                "one: uninstall the others"
            )
        entry = found[0]
        where = f"the {self.what} {name} of the package {_package_of(entry)}"
        try:
            loaded = entry.load()
        except MdstreamError:
            raise
        except Exception as exc:  # a module of somebody else's may fail with anything
            raise ExtensionError(
                f"{where} cannot be used: {entry.value} fails to import with {type(exc).__name__}: {exc}; install what "
                "it needs, or another version of it"
            ) from exc
        if not isinstance(loaded, kind):
            raise ExtensionError(
                f"{where} cannot be used: {entry.value} is of type {type(loaded).__name__}; expected {kind.__name__}"
            )
        return loaded

    def unknown(self, name: str) -> str:
        """Return what to say of a name by which nothing is installed."""
        names = sorted(self.installed())
        if not names:
            return f"unknown {self.what} '{name}', and {NONE_REGISTERED}"
        hint = did_you_mean(name, names)
        listed = f"installed are: {', '.join(names)}"
        return f"unknown {self.what} '{name}'; {f'{hint} {listed}' if hint.endswith('?') else listed}"

    def _entries(self) -> tuple[EntryPoint, ...]:
        found = _entry_points(tuple(sys.path))[self.group]
        # A package may be found by several paths, and then counts once.
        return tuple({(entry.name, _package_of(entry)): entry for entry in found}.values())


FEEDS = ExtensionPoint("mdstream.feeds", "feed")
STORES = ExtensionPoint("mdstream.stores", "store")
CHANNELS = ExtensionPoint("mdstream.channels", "channel")
INDICATORS = ExtensionPoint("mdstream.indicators", "indicator")

POINTS = (FEEDS, STORES, CHANNELS, INDICATORS)
"""All that can be added to."""

NONE_REGISTERED = (
    f"none is registered, not even those of {DISTRIBUTION}: install it again, a clone by "
    "pip install --editable . --no-deps"
)
"""What to say where a clone is newer than its metadata."""


@lru_cache(maxsize=1)
def _entry_points(_: tuple[str, ...]) -> dict[str, tuple[EntryPoint, ...]]:
    """Read by group those of all packages on these paths, which takes a tenth of a second."""
    found = entry_points()
    return {point.group: tuple(found.select(group=point.group)) for point in POINTS}


def _package_of(entry: EntryPoint) -> str:
    return "" if entry.dist is None else entry.dist.name
