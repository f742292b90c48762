"""What a package brings that adds a store, and those of the stores that are switched on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mdstream.config import Settings
from mdstream.config.extensible import Extension
from mdstream.config.section import Section
from mdstream.config.stores import SHIPPED_STORES, StoreSection
from mdstream.errors import ConfigError
from mdstream.extensions import STORES
from mdstream.schemas import Record
from mdstream.stores.base import Sink

Own = TypeVar("Own", bound=Section)


@dataclass(frozen=True, kw_only=True)
class StoreExtension(Extension, Generic[Own]):
    """A store that is found by name: what an entry point of the group `mdstream.stores` gives.

    It is on where `stores.<name>.enabled` is true.

    Attributes:
        settings: Class of its section `stores.<name>` of the settings, a `StoreSection`.
        holds: Whether it has a place for a record.
        open_sink: Returns what writes a record, from that section, the record and all settings. It opens no
            connection: the first `write` does.
        keeps_past: Whether it keeps the past, so that back-fill and rebuild write to it. To one that does not, the past
            is no news: it would look like the present, and alert people.
        is_topic: Whether it sends to the records' own topics.
        check: Returns what is missing in the store, as `mdstream doctor` is to say it, and raises StoreError where it
            cannot be reached; None if nothing can be asked.
    """

    holds: Callable[[Record], bool]
    open_sink: Callable[[Own, Record, Settings], Sink]
    keeps_past: bool = True
    is_topic: bool = False
    check: Callable[[Own], Sequence[str]] | None = None


@dataclass(frozen=True)
class EnabledStore:
    """A store that is switched on.

    Attributes:
        name: What it goes by.
        extension: What it is.
        own: Its section of the settings.
    """

    name: str
    extension: StoreExtension[Section]
    own: Section

    def sink(self, record: Record, settings: Settings) -> Sink:
        """Return what writes a record that the store holds."""
        return self.extension.open_sink(self.own, record, settings)


def enabled_stores(settings: Settings) -> Iterator[EnabledStore]:
    """Yield the stores that are switched on, the database first and those of other packages last.

    Raises:
        ConfigError: A package's store has settings without a switch.
        ExtensionError: A store cannot be used.

    Example:
        >>> [store.name for store in enabled_stores(Settings())]
        ['timescaledb', 'redis', 'kafka']
    """
    others = sorted(settings.stores.extensions())
    for name in (*SHIPPED_STORES, *others):
        own = settings.stores.section_of(name)
        if name in others and not isinstance(own, StoreSection):
            raise ConfigError(f"stores.{name} is of type {type(own).__name__}; expected a StoreSection, with `enabled`")
        if getattr(own, "enabled", False):
            extension: StoreExtension[Section] = STORES.load(name, StoreExtension)
            yield EnabledStore(name, extension, own)
