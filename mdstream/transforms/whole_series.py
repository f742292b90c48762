"""Columns that are computed from a whole series at once, on arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql.types import DoubleType, StructField, StructType

from mdstream.schemas.records import TIME
from mdstream.transforms.stored_bars import ORDER, SERIES

Values = npt.NDArray[np.float64]
"""Numbers of one series, in order of time."""

Arrays = Mapping[str, Values]
"""Such numbers by the names of their columns."""


def with_computed(
    rows: DataFrame,
    inputs: Sequence[str],
    new: Sequence[str],
    compute: Callable[[Arrays], Arrays],
    *,
    series: Sequence[str] = SERIES,
    order: str = ORDER,
) -> DataFrame:
    """Add columns that a function computes from each series, from its first row to its last.

    Arrow carries the arrays, without pandas in between.

    Args:
        rows: Whole series, in any order.
        inputs: Columns that the function reads, as numbers; what is null is not a number.
        new: Columns that it returns; what is not a number becomes null.
        compute: The function, from arrays in order to arrays of the same length.
        series: Columns whose values make rows one series.
        order: Column by which its rows are ordered.
    """
    schema = StructType([*rows.schema.fields, *(StructField(name, DoubleType()) for name in new)])
    return rows.groupBy(*series).applyInArrow(_of_table(order, tuple(inputs), tuple(new), compute), schema)


def _of_table(
    order: str, inputs: tuple[str, ...], new: tuple[str, ...], compute: Callable[[Arrays], Arrays]
) -> Callable[[pa.Table], pa.Table]:
    def of_table(series: pa.Table) -> pa.Table:
        ordered = series.take(pc.sort_indices(series, sort_keys=[(order, "ascending")]))
        values = compute({name: ordered.column(name).cast(pa.float64()).to_numpy() for name in inputs})
        for name in new:
            ordered = ordered.append_column(name, pa.array(values[name], pa.float64(), from_pandas=True))
        # Spark hands times over in the session's zone and takes them back in UTC alone.
        return ordered.cast(pa.schema(field.with_type(_in_utc(field.type)) for field in ordered.schema))

    return of_table


def _in_utc(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return TIME
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_in_utc(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_in_utc(field.type)) for field in kind])
    if pa.types.is_map(kind):
        key, item = kind.key_field, kind.item_field
        return pa.map_(key.with_type(_in_utc(key.type)), item.with_type(_in_utc(item.type)))
    return kind
