"""Streams into the lake's Delta tables, exactly once."""

from __future__ import annotations

import importlib.util
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming.readwriter import DataStreamWriter

from mdstream.config import LakeSettings, Settings, SparkSettings
from mdstream.errors import ConfigError, MissingDependencyError, SinkError, SinkUnavailableError
from mdstream.lake import DATE, open_table, table_schema, table_url
from mdstream.schemas import Record
from mdstream.streaming.kafka import checkpoint_of
from mdstream.streaming.lifecycle import RunningQuery
from mdstream.streaming.patience import patiently
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
            "delta-spark is not installed; it comes with: pip install 'mdstream[lake]', which brings Spark 4.2: "
            "use a virtual environment of its own"
        )
    spark = settings.spark
    delta = {
        "spark.sql.extensions": _EXTENSION,
        "spark.sql.catalog.spark_catalog": _CATALOG,
        # Of 50, Delta's default, each is a task of every commit.
        "spark.databricks.delta.snapshotPartitions": str(spark.shuffle_partitions),
    }
    packages = (*spark.packages, settings.stores.lake.package)
    return spark.model_copy(update={"packages": packages, "conf": delta | spark.conf})


def archive_rows(rows: DataFrame, settings: Settings, record: Record, name: str) -> RunningQuery:
    """Start a query that appends every row to the table of `record`.

    Delta commits a batch and its number at once, so that a batch that comes again after a failure is left out. A query
    that begins anew on a table with rows fails, because it would append them a second time.

    Args:
        rows: A stream with the columns of `record`.
        settings: The lake and the checkpoint location.
        record: What the rows are.
        name: Name of the query; its checkpoint is a folder of that name.
    """
    lake = settings.stores.lake

    def append(batch: DataFrame, number: int) -> None:
        checkpoint = batch.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
        if number == 0:
            _refuse_second_archive(lake, record, str(checkpoint), checkpoint_of(settings, name))
        writer = batch.transform(with_date, record).write.format("delta").mode("append")
        writer.options(txnAppId=checkpoint, txnVersion=number).save(table_url(lake, record))

    return RunningQuery(_prepared(rows.writeStream.foreachBatch(append), settings, name).start())


def _refuse_second_archive(lake: LakeSettings, record: Record, checkpoint: str, location: str) -> None:
    table = open_table(lake, record)
    if table.transaction_version(checkpoint) is None and table.count():
        raise SinkError(
            f"{table_url(lake, record)} has rows, and the checkpoint {location} begins anew: every row would be there "
            "twice. Bring the old checkpoint back, or set stores.lake.path to another folder"
        )


def archive_revisions(revisions: DataFrame, settings: Settings, record: Record, name: str) -> RunningQuery:
    """Start a query that keeps of each key its newest revision in the table of `record`.

    A batch that comes again changes nothing, nor does an older revision. If upkeep rewrites the same days meanwhile,
    the batch is tried again, for as long as `stores.patience_seconds` allows.

    Args:
        revisions: A stream with the columns of `record`.
        settings: The lake, patience and the checkpoint location.
        record: What the rows are.
        name: Name of the query; its checkpoint is a folder of that name.
    """
    where, patience = table_url(settings.stores.lake, record), settings.stores.patience_seconds

    def write(batch: DataFrame, _: int) -> None:
        newest = batch.transform(to_newest_revisions, record).transform(with_date, record).persist()
        try:
            patiently(partial(merge_revisions, newest, where, record), patience)
        finally:
            newest.unpersist()

    return RunningQuery(_prepared(revisions.writeStream.foreachBatch(write), settings, name).start())


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

    days = [row[DATE.name] for row in rows.select(DATE.name).distinct().collect()]
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


def _prepared(writer: DataStreamWriter, settings: Settings, name: str) -> DataStreamWriter:
    return (
        writer.queryName(name)
        .outputMode("append")
        .option("checkpointLocation", checkpoint_of(settings, name))
        .trigger(processingTime=settings.stores.lake.trigger)
    )
