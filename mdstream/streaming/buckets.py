"""Groups of series that share their state: Spark's work is by group."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

BUCKETS = (0, 1, 2, 5, 6, 13, 15, 95)
"""Keys of the groups.

Spark hashes the keys into partitions: of these no partition of up to eight gets more than its share. A checkpoint holds
them for good, so the query's name must change with them.
"""


def bucket_of(*series: Column | str) -> Column:
    """Return the column `bucket` of a row, by the columns that make its series."""
    place = F.pmod(F.hash(*series), F.lit(len(BUCKETS)))
    return F.element_at(F.array(*map(F.lit, BUCKETS)), place + 1).alias("bucket")
