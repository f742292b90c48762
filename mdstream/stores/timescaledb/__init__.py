"""TimescaleDB, and PostgreSQL without the extension: the sink, its tables and their upkeep."""

from mdstream.stores.timescaledb.schema import create_schema, maintain
from mdstream.stores.timescaledb.sink import TimescaleSink
from mdstream.stores.timescaledb.steps import Step

__all__ = ["Step", "TimescaleSink", "create_schema", "maintain"]
