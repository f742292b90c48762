"""TimescaleDB, and PostgreSQL without the extension: the sink, its tables and their upkeep."""

from mdstream.sinks.postgres.schema import create_schema, maintain
from mdstream.sinks.postgres.sink import TimescaleSink
from mdstream.sinks.postgres.steps import Step

__all__ = ["Step", "TimescaleSink", "create_schema", "maintain"]
