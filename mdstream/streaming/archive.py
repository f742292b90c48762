"""Streams into the lake's Delta tables, exactly once."""

from __future__ import annotations

import importlib.util
from datetime import date
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming.readwriter import DataStreamWriter

from mdstream.config import LakeSettings, Settings, SparkSettings
from mdstream.errors import ConfigError, MissingDependencyError, SinkError, SinkUnavailableError
from mdstream.schemas import Record
from mdstream.stores.lake import DATE, open_table, table_schema, table_url
from mdstream.streaming.kafka import CHECKPOINT_OPTION, checkpoint_of
from mdstream.streaming.retries import with_retries
from mdstream.streaming.running_query import RunningQuery
from mdstream.transforms import to_newest_revisions

_EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"
_CATALOG = "org.apache.spark.sql.delta.catalog.DeltaCatalog"


def with_delta(settings: Settings) -> SparkSettings:
    """Return the settings of a session that writes Delta tables.

    Raises:
        ConfigError: The lake is switched off.
        MissingDependencyError: delta-spark is not installed.
    """
    if not settings.stores.lake.enabled:
        raise ConfigError("the lake is switched off; set stores.lake.enabled: true, and stores.lake.path to its folder")
    if importlib.util.find_spec("delta") is None:
        raise MissingDependencyError(
            "delta-spark is not installed; it comes with: pip install 'mdstream-spark[lake]', which brings Spark 4.2: "
            "use a virtual environment of its own"
        )
    spark = settings.spark
    delta = {
        "spark.sql.extensions": _EXTENSION,
        "spark.sql.catalog.spark_catalog": _CATALOG,
        # Of 50, Delta's default, each is a task of every commit.
        "spark.databricks.delta.snapshotPartitions": str(spark.shuffle_partitions),
    }
    packages = tuple(filter(None, (*spark.packages, settings.stores.lake.package)))
    return spark.model_copy(update={"packages": packages, "conf": delta | spark.conf})


def archive_rows(rows: DataFrame, settings: Settings, record: Record, name: str) -> RunningQuery:
    """Start a query that appends every row to the table of `record`.

    Delta commits a batch and its number at once, so that a batch that comes again after a failure is left out. A query
    that has lost its checkpoint fails, because it would append what is there a second time.

    Args:
        rows: A stream with the columns of `record`.
        settings: The lake and the checkpoint location.
        record: What the rows are.
        name: Name of the query; its checkpoint is a folder of that name.
    """
    lake = settings.stores.lake

    def append(batch: DataFrame, number: int) -> None:
        query = str(batch.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId"))
        dated = batch.transform(with_date, record)
        if number == 0 and _is_there(dated, lake, record, query):
            raise SinkError(
                f"the checkpoint {checkpoint_of(settings, name)} begins anew, and {table_url(lake, record)} has what "
                "comes now already. Bring the old checkpoint back, or set stores.lake.path to another folder"
            )
        writer = dated.write.format("delta").mode("append").options(txnAppId=query, txnVersion=number)
        writer.save(table_url(lake, record))

    return _begin(rows.writeStream.foreachBatch(append), settings, name)


def _is_there(first_batch: DataFrame, lake: LakeSettings, record: Record, query: str) -> bool:
    """Tell whether a table has a row of a query's first batch, which the query itself has not written."""
    table = open_table(lake, record)
    if table.count() == 0 or table.transaction_version(query) is not None:
        return False
    stored = first_batch.sparkSession.read.format("delta").load(table_url(lake, record))
    of_these_days = stored.where(F.col(DATE.name).isin(_days(first_batch)))
    return not first_batch.join(of_these_days, [DATE.name, *record.key], "left_semi").isEmpty()


def _days(rows: DataFrame) -> list[date]:
    return [row[DATE.name] for row in rows.select(DATE.name).distinct().collect()]


def archive_revisions(revisions: DataFrame, settings: Settings, record: Record, name: str) -> RunningQuery:
    """Start a query that keeps of each key its newest revision in the table of `record`.

    A batch that comes again changes nothing, nor does an older revision. If upkeep rewrites the same days meanwhile,
    the batch is tried again, for as long as `stores.retry_seconds` allows.

    Args:
        revisions: A stream with the columns of `record`.
        settings: The lake, how long a write is tried again, and the checkpoint location.
        record: What the rows are.
        name: Name of the query; its checkpoint is a folder of that name.
    """
    where, retry_seconds = table_url(settings.stores.lake, record), settings.stores.retry_seconds

    def write(batch: DataFrame, _: int) -> None:
        newest = batch.transform(to_newest_revisions, record).transform(with_date, record).persist()
        try:
            with_retries(partial(merge_revisions, newest, where, record), retry_seconds)
        finally:
            newest.unpersist()

    return _begin(revisions.writeStream.foreachBatch(write), settings, name)


def merge_revisions(rows: DataFrame, where: str, record: Record) -> None:
    """Put rows into a Delta table unless it has a newer revision of them.

    Args:
        rows: The table's columns, each key once.
        where: The table.
        record: What the rows are.

    Raises:
        SinkUnavailableError: Another writer, e.g. upkeep, got in between; the same may be tried again.
    """
    from delta import DeltaTable
    from delta.exceptions import (
        ConcurrentAppendException,
        ConcurrentDeleteDeleteException,
        ConcurrentDeleteReadException,
        MetadataChangedException,
    )

    days = _days(rows)
    if not days:
        return
    # Days are named, so that Delta looks into no other file.
    same = F.col(f"stored.{DATE.name}").isin(days)
    for column in (DATE.name, *record.key):
        same &= F.col(f"stored.{column}") == F.col(f"new.{column}")
    not_older = F.col(f"new.{record.revision_column}") >= F.col(f"stored.{record.revision_column}")
    table = DeltaTable.forPath(rows.sparkSession, where).alias("stored")
    merge = table.merge(rows.alias("new"), same).whenMatchedUpdateAll(not_older).whenNotMatchedInsertAll()
    try:
        merge.execute()
    except (
        ConcurrentAppendException,
        ConcurrentDeleteDeleteException,
        ConcurrentDeleteReadException,
        MetadataChangedException,
    ) as exc:
        raise SinkUnavailableError(f"another writer changed the Delta table {where} meanwhile") from exc


def with_date(rows: DataFrame, record: Record) -> DataFrame:
    """Add the day of each row's own time, UTC, by which the lake's tables are partitioned; a session is in UTC."""
    return rows.withColumn(DATE.name, F.to_date(str(record.time_column))).select(*table_schema(record).names)


def _begin(writer: DataStreamWriter, settings: Settings, name: str) -> RunningQuery:
    checkpoint = checkpoint_of(settings, name)
    prepared = writer.queryName(name).outputMode("append").option(CHECKPOINT_OPTION, checkpoint)
    return RunningQuery.begin(prepared.trigger(processingTime=settings.stores.lake.trigger).start, checkpoint)
