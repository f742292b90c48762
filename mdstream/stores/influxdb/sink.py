"""Records as points of an InfluxDB 2 bucket."""

from __future__ import annotations

import atexit
import importlib.util
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from mdstream.clients import PerProcess
from mdstream.config import InfluxSettings
from mdstream.errors import InvalidInputError, MissingDependencyError, StoreError, StoreUnavailableError, of_writing
from mdstream.schemas import Record
from mdstream.schemas.batches import conform, newest_revisions
from mdstream.schemas.wire import wire_batch
from mdstream.stores.influxdb.line_protocol import lines, tag_columns, time_of

if TYPE_CHECKING:
    from influxdb_client import InfluxDBClient
    from influxdb_client.rest import ApiException

_LINES_A_REQUEST = 5_000
"""What InfluxDB's documentation calls the best size of a batch."""

_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$/]")
"""What has a meaning in a regular expression of Flux. It refuses to have anything else escaped."""

_PASSING = (408, 429)
"""Answers below 500 that pass by themselves."""

_ADVICE = {
    401: "set MDSTREAM_STORES__INFLUXDB__TOKEN to a token of this server",
    403: "give the token read and write access to the bucket",
    404: "make the bucket, or correct stores.influxdb.bucket and organisation",
}


@dataclass(frozen=True)
class InfluxSink:
    """Writes one kind of record to its measurement, each row as a point at its own time.

    Tags are symbol, window, source, rule, whatever the record has of them, and a tick's Kafka partition; all else
    are fields, of which null, NaN and infinity are left out. A field that was there and is null in a newer revision
    keeps its value.

    InfluxDB replaces a point by whatever comes later. So `write` first asks for the revisions that are stored and
    leaves older ones out. That is not a transaction: of two writers that write the same key at the very same time the
    older may win. Spark has one writer a key, unless an executor that was given up for lost still writes.

    Attributes:
        settings: The server.
        record: What is written; it has a measurement.

    Raises:
        InvalidInputError: The record has no measurement.
        MissingDependencyError: influxdb-client is not installed.
    """

    settings: InfluxSettings
    record: Record

    def __post_init__(self) -> None:
        if self.record.measurement is None:
            raise InvalidInputError(f"{self.record.one} has no measurement in InfluxDB")
        require_client()

    def write(self, batch: pa.RecordBatch) -> None:
        """Store the rows; see `mdstream.stores.Sink`.

        Raises:
            SinkUnavailableError: InfluxDB cannot be reached, is overloaded, or did not answer in `timeout_seconds`.
            SinkError: The batch is refused, of which a part may be stored.
        """
        rows = newest_revisions(conform(batch, self.record), self.record)
        if rows.num_rows == 0:
            return
        with of_writing(), translated(self.settings):
            client = _CLIENTS.get(self.settings)
            if self.record.revision_column is not None:
                rows = _without_older(client, self.settings, rows, self.record)
            for start in range(0, rows.num_rows, _LINES_A_REQUEST):
                _send(client, self.settings, lines(rows.slice(start, _LINES_A_REQUEST), self.record))


def require_client() -> None:
    """See that the package of the client is there.

    Raises:
        MissingDependencyError: It is not installed.
    """
    if importlib.util.find_spec("influxdb_client") is None:
        raise MissingDependencyError.for_extra("influxdb-client", "influxdb")


def open_client(settings: InfluxSettings) -> InfluxDBClient:
    """Return a client of the server; nothing is asked of it yet."""
    from influxdb_client import InfluxDBClient

    return InfluxDBClient(
        url=settings.url,
        token=settings.token.get_secret_value(),
        org=settings.organisation,
        timeout=settings.timeout_seconds * 1000,
        enable_gzip=True,
    )


def _open_for_good(settings: InfluxSettings) -> InfluxDBClient:
    client = open_client(settings)
    # Left to the end of the process it would complain that modules which it needs are gone.
    atexit.register(client.close)
    return client


_CLIENTS: PerProcess[InfluxSettings, InfluxDBClient] = PerProcess(_open_for_good)


def _send(client: InfluxDBClient, settings: InfluxSettings, written: list[str]) -> None:
    from influxdb_client.client.write_api import SYNCHRONOUS

    client.write_api(write_options=SYNCHRONOUS).write(bucket=settings.bucket, record=written)


def _without_older(
    client: InfluxDBClient, settings: InfluxSettings, rows: pa.RecordBatch, record: Record
) -> pa.RecordBatch:
    """Leave out rows of which a newer revision is stored."""
    tags = tag_columns(record)
    wire = wire_batch(rows).to_pylist()
    keys = [(time_of(row, record), *(row[name] for name in tags)) for row in wire]
    stored = _stored_revisions(client, settings, record, keys)
    revisions = [row[str(record.revision_column)] for row in wire]
    return rows.filter(
        pa.array([stored.get(key, revision) <= revision for key, revision in zip(keys, revisions, strict=True)])
    )


_Key = tuple[int | str, ...]


def _stored_revisions(
    client: InfluxDBClient, settings: InfluxSettings, record: Record, keys: list[_Key]
) -> dict[_Key, int]:
    """Return the revision that is stored of each key, and of others between them."""
    from influxdb_client import Dialect

    tags = tag_columns(record)
    times = [int(key[0]) for key in keys]
    symbols = "|".join(_SPECIAL.sub(r"\\\g<0>", symbol) for symbol in {str(key[1]) for key in keys})
    query = (
        f"from(bucket: {_text(settings.bucket)})"
        f" |> range(start: time(v: {min(times)}), stop: time(v: {max(times) + 1}))"
        f" |> filter(fn: (r) => r._measurement == {_text(str(record.measurement))}"
        f" and r._field == {_text(str(record.revision_column))} and r.symbol =~ /^(?:{symbols})$/)"
        f" |> keep(columns: {_text(['_time', '_value', *tags])}) |> group()"
    )
    answer = client.query_api().query_raw(query, dialect=Dialect(annotations=[], date_time_format="RFC3339Nano"))
    found = answer.data
    if not found.strip():
        return {}
    types = {"_time": pa.timestamp("ns", "UTC"), "_value": pa.int64()} | dict.fromkeys(tags, pa.string())
    options = pyarrow.csv.ConvertOptions(column_types=types, include_columns=list(types))
    try:
        table = pyarrow.csv.read_csv(io.BytesIO(found), convert_options=options)
    except (pa.ArrowInvalid, KeyError) as exc:
        raise StoreUnavailableError(f"InfluxDB did not finish a query: {found[:300].decode(errors='replace')}") from exc
    columns = [pc.cast(table["_time"], pa.int64()), *(table[name] for name in tags)]
    names = zip(*(column.to_pylist() for column in columns), strict=True)
    return dict(zip(names, table["_value"].to_pylist(), strict=True))


def state_of(settings: InfluxSettings) -> tuple[str, bool]:
    """Return the release of a server, and whether it has the bucket.

    Raises:
        MissingDependencyError: influxdb-client is not installed.
        StoreUnavailableError: It cannot be reached.
        StoreError: It does not let us in.
    """
    require_client()
    with translated(settings), open_client(settings) as client:
        version = str(client.version())
        return version, client.buckets_api().find_bucket_by_name(settings.bucket) is not None


def _text(value: str | list[str]) -> str:
    """Return a text, or a list of them, as a Flux literal."""
    return orjson.dumps(value).decode().replace("${", "\\${")


@contextmanager
def translated(settings: InfluxSettings) -> Iterator[None]:
    """Raise the errors of influxdb-client and of HTTP as StoreUnavailableError or StoreError."""
    from influxdb_client.rest import ApiException
    from urllib3.exceptions import HTTPError, LocationValueError

    address = urlsplit(settings.url).netloc.rpartition("@")[2]  # without a password
    where = f"InfluxDB at {address}, bucket '{settings.bucket}'"
    try:
        yield
    except ApiException as exc:
        raise _explained(where, exc) from exc
    except LocationValueError as exc:
        raise StoreError(f"{where} has no usable address; expected stores.influxdb.url like http://host:8086") from exc
    except HTTPError as exc:
        raise StoreUnavailableError(f"{where} cannot be reached now: {exc}; check stores.influxdb") from exc


def _explained(where: str, error: ApiException) -> StoreError:
    status = error.status or 0
    said = error.message if error.response is not None else error.reason
    message = " ".join((said.decode(errors="replace") if isinstance(said, bytes) else str(said)).split())
    if status >= 500 or status in _PASSING:
        pause = f"; it asks to wait {error.retry_after} s" if error.retry_after else ""
        return StoreUnavailableError(f"{where} cannot take the batch now: {status} {message}{pause}")
    advice = _ADVICE.get(status, "correct what it names; other points of the batch may be stored")
    return StoreError(f"{where} refused the batch: {status} {message}; {advice}")
