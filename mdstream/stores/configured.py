"""The sinks of the stores that are switched on."""

from __future__ import annotations

from collections.abc import Iterable

from mdstream.config import Settings
from mdstream.schemas import Record
from mdstream.stores.base import Sink
from mdstream.stores.extension import EnabledStore, enabled_stores


def configured_sinks(settings: Settings, record: Record) -> tuple[Sink, ...]:
    """Return a sink for each store that is switched on and takes `record`, the database first.

    Args:
        settings: All settings; `stores` has the switches, one `enabled` a store.
        record: What is to be stored: `STORED_TICK`, `STORED_QUOTE`, `BAR`, `settings.indicator_record`,
            `ANOMALY`, `PREDICTION`.

    Example:
        >>> from mdstream.schemas import STORED_TICK
        >>> configured_sinks(Settings(), STORED_TICK)  # doctest: +ELLIPSIS
        (TimescaleSink(...), RedisSink(...))
    """
    return _sinks(enabled_stores(settings), settings, record)


def stored_sinks(settings: Settings, record: Record) -> tuple[Sink, ...]:
    """Return a sink for each store that is switched on and takes `record`, which is in its topic already.

    Args:
        settings: All settings.
        record: What is to be stored, see `configured_sinks`.

    Example:
        >>> from mdstream.schemas import BAR
        >>> stored_sinks(Settings(), BAR)  # doctest: +ELLIPSIS
        (TimescaleSink(...), RedisSink(...))
    """
    stores = (store for store in enabled_stores(settings) if not store.extension.is_topic)
    return _sinks(stores, settings, record)


def lasting_sinks(settings: Settings, record: Record) -> tuple[Sink, ...]:
    """Return a sink for each store that is switched on, takes `record` and keeps the past: not Redis and Kafka.

    Elsewhere the past would look like the present, and alert people.

    Args:
        settings: All settings.
        record: What is to be stored, see `configured_sinks`.

    Example:
        >>> from mdstream.schemas import BAR
        >>> lasting_sinks(Settings(), BAR)  # doctest: +ELLIPSIS
        (TimescaleSink(...),)
    """
    stores = (store for store in enabled_stores(settings) if store.extension.keeps_past)
    return _sinks(stores, settings, record)


def _sinks(stores: Iterable[EnabledStore], settings: Settings, record: Record) -> tuple[Sink, ...]:
    return tuple(store.sink(record, settings) for store in stores if store.extension.holds(record))
