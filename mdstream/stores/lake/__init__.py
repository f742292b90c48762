"""The lake: ticks and bars as Delta tables, made, kept in shape and read without Spark."""

from mdstream.stores.lake.reading import read_rows, stored_days
from mdstream.stores.lake.tables import DATE, LAKE_RECORDS, open_table, table_schema, table_url
from mdstream.stores.lake.upkeep import LakeStep, maintain_lake

__all__ = [
    "DATE",
    "LAKE_RECORDS",
    "LakeStep",
    "maintain_lake",
    "open_table",
    "read_rows",
    "stored_days",
    "table_schema",
    "table_url",
]
