"""Bars and results as files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from mdstream.errors import InvalidInputError, did_you_mean
from mdstream.feeds.columns import convert, found
from mdstream.feeds.validation import shown
from mdstream.schemas import BAR
from mdstream.schemas.records import TIME

OUTPUT_KINDS = (".parquet", ".csv")
"""Endings of the files that results can be written to."""

BAR_INPUT = pa.schema([BAR.schema.field(name) for name in (*BAR.key, "open", "high", "low", "close", "volume")])
"""The columns of a bar that indicators are computed from."""

_OWN_NAMES: Mapping[str, str] = MappingProxyType({})
_EXPECTED = {pa.float64(): "a number", pa.int64(): "a whole number", pa.string(): "text", TIME: "a time"}


def check_target(target: Path) -> None:
    """Refuse, before the work is done, a file that cannot be written in the end.

    Raises:
        InvalidInputError: Its kind is not known, its folder is not there, or nothing can be written to it.
    """
    if target.suffix not in OUTPUT_KINDS:
        raise InvalidInputError(f"{target.name} is not of a known kind; known are: {', '.join(OUTPUT_KINDS)}")
    if not target.parent.is_dir():
        raise InvalidInputError(f"there is no folder {target.parent} to write {target.name} to")
    if target.is_dir() or not os.access(target.parent, os.W_OK):
        why = "it is a folder" if target.is_dir() else f"its folder {target.parent} may not be written to"
        raise InvalidInputError(f"cannot write {target}: {why}")


def write_table(table: pa.Table, target: Path) -> None:
    """Write a table to a file of a kind in `OUTPUT_KINDS`; it appears when it is complete.

    Raises:
        InvalidInputError: It cannot be written; what was there before is still there.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        if target.suffix == ".csv":
            pa.csv.write_csv(table, partial)
        else:
            pq.write_table(table, partial)
        partial.replace(target)
    except OSError as exc:
        raise InvalidInputError(f"cannot write {target}: {exc.strerror or exc}") from exc
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def staged_frame(spark: SparkSession, table: pa.Table) -> Iterator[DataFrame]:
    """Hand a table to Spark as a temporary file, which is there as long as the context is.

    A local frame would travel to Spark as one piece of its plan.
    """
    with tempfile.TemporaryDirectory(prefix="mdstream-") as folder:
        staged = Path(folder) / "table.parquet"
        pq.write_table(table, staged)
        yield spark.read.parquet(str(staged))


def read_bars(path: Path, schema: pa.Schema = BAR_INPUT, columns: Mapping[str, str] = _OWN_NAMES) -> pa.Table:
    """Read bars from a file; all of them are usable, or nothing is.

    Args:
        path: A `.parquet` or `.csv` file, the latter also with `.gz`, with the columns of `schema`; others are ignored.
            Numbers and times may be of any type that `mdstream bars` takes for ticks.
        schema: Fields of BAR, the key among them.
        columns: Names of the file's columns by the field of BAR that each holds; one that is not named has its own.

    Returns:
        Rows of `schema` in the order of the file.

    Raises:
        InvalidInputError: There is no such file, its kind is not known, it cannot be read, lacks columns or has one
            twice, has no rows, a value is missing or not usable, or two rows are the same bar.
    """
    if not path.is_file():
        raise InvalidInputError(f"there is no file {path}")
    reader = next((reader for ending, reader in _READERS.items() if path.name.lower().endswith(ending)), None)
    if reader is None:
        raise InvalidInputError(f"{path.name} is not of a known kind; known are: {', '.join(_READERS)}")
    try:
        table = reader(path, schema, _named(schema, columns))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as exc:
        raise InvalidInputError(f"cannot read {path}: {exc}") from exc
    batches = []
    rows = 0
    for batch in table.to_batches():
        batches.append(_usable(batch, schema, path, rows))
        rows += batch.num_rows
    if not rows:
        raise InvalidInputError(f"nothing in {path} is usable: it has no rows; expected bars, e.g. of mdstream bars")
    bars = pa.Table.from_batches(batches, schema)
    _refuse_repeated(bars, path)
    return bars


def _named(schema: pa.Schema, columns: Mapping[str, str]) -> list[str]:
    for name in columns:
        if name not in BAR.schema.names:
            raise InvalidInputError(f"a bar has no field {name}; {did_you_mean(name, BAR.schema.names)}")
    return [columns.get(name, name) for name in schema.names]


def _read_parquet(path: Path, schema: pa.Schema, names: list[str]) -> pa.Table:
    with pq.ParquetFile(path) as file:
        _check_columns(file.schema_arrow.names, names, path)
        return _renamed(file.read(columns=names), schema, names)


def _read_csv(path: Path, schema: pa.Schema, names: list[str]) -> pa.Table:
    # Everything as text: what a value is, is decided in one place for all kinds of files.
    wanted = dict.fromkeys(names, pa.string())
    as_text = pa.csv.ConvertOptions(include_columns=list(wanted), column_types=wanted)
    with pa.csv.open_csv(path) as file:
        _check_columns(file.schema.names, names, path)
    return _renamed(pa.csv.read_csv(path, convert_options=as_text), schema, names)


def _renamed(table: pa.Table, schema: pa.Schema, names: list[str]) -> pa.Table:
    return pa.table([table[name] for name in names], schema.names)


_READERS: MappingProxyType[str, Callable[[Path, pa.Schema, list[str]], pa.Table]] = MappingProxyType(
    {".parquet": _read_parquet, ".pq": _read_parquet, ".csv": _read_csv, ".csv.gz": _read_csv}
)


def _check_columns(names: list[str], wanted: list[str], path: Path) -> None:
    for name in wanted:
        if names.count(name) != 1:
            wrong = "two columns named" if name in names else "no column"
            raise InvalidInputError(
                f"{path.name} has {wrong} {name}; expected: {', '.join(wanted)}. Others are named by --columns"
            )


def _usable(batch: pa.RecordBatch, schema: pa.Schema, path: Path, rows_before: int) -> pa.RecordBatch:
    columns = []
    for field in schema:
        source = batch.column(field.name)
        values, unconverted = convert(source, field.type)
        missing = values.is_null().to_numpy(zero_copy_only=False)
        missing[unconverted] = False
        unusable = np.zeros(len(values), bool) if field.nullable else missing.copy()
        unusable[unconverted] = True
        if pa.types.is_floating(field.type):
            unusable |= ~np.isfinite(values.to_numpy(zero_copy_only=False)) & ~missing
        if unusable.any():
            row = int(np.argmax(unusable))
            value = "missing" if missing[row] else shown(found(source[row]))
            raise InvalidInputError(
                f"{path.name}, row {rows_before + row + 1}: {field.name} is {value}; expected {_EXPECTED[field.type]}"
            )
        columns.append(values)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _refuse_repeated(bars: pa.Table, path: Path) -> None:
    counts = bars.group_by(BAR.key).aggregate([([], "count_all")])
    repeated = counts.filter(pc.greater(counts["count_all"], 1))
    if repeated.num_rows:
        (bar,) = repeated.slice(0, 1).to_pylist()
        raise InvalidInputError(
            f"{path.name} has {bar['count_all']} bars of {bar['symbol']}, window {bar['window']}, "
            f"at {bar['window_start'].isoformat()}; expected one"
        )
