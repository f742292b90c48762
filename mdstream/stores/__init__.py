"""Stores of records, a room each: connection, tables, writing and reading of one server. None needs Spark.

What is exported here is imported when it is asked for: the lake is read without the clients of the databases.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mdstream.errors import brought_by

if TYPE_CHECKING:
    from mdstream.kafka.sink import KafkaSink
    from mdstream.stores.base import Sink
    from mdstream.stores.configured import configured_sinks, lasting_sinks, stored_sinks
    from mdstream.stores.extension import StoreExtension
    from mdstream.stores.influxdb.sink import InfluxSink
    from mdstream.stores.memory import MemorySink
    from mdstream.stores.redis.sink import RedisSink
    from mdstream.stores.timescaledb.sink import TimescaleSink

__all__ = [
    "InfluxSink",
    "KafkaSink",
    "MemorySink",
    "RedisSink",
    "Sink",
    "StoreExtension",
    "TimescaleSink",
    "configured_sinks",
    "lasting_sinks",
    "stored_sinks",
]

_PLACES = {
    "InfluxSink": "mdstream.stores.influxdb.sink",
    "KafkaSink": "mdstream.kafka.sink",
    "MemorySink": "mdstream.stores.memory",
    "RedisSink": "mdstream.stores.redis.sink",
    "Sink": "mdstream.stores.base",
    "StoreExtension": "mdstream.stores.extension",
    "TimescaleSink": "mdstream.stores.timescaledb.sink",
    "configured_sinks": "mdstream.stores.configured",
    "lasting_sinks": "mdstream.stores.configured",
    "stored_sinks": "mdstream.stores.configured",
}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with brought_by("jobs"):
        return getattr(import_module(_PLACES[name]), name)
