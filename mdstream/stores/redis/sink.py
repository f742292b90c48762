"""The newest tick, bars, indicators and forecasts of every symbol, in Redis or Valkey."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat

import pyarrow as pa
import pyarrow.compute as pc
import redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from mdstream.clients import PerProcess
from mdstream.config import RedisSettings
from mdstream.errors import SinkError, SinkUnavailableError
from mdstream.schemas import BAR, PREDICTION, STORED_TICK, Record
from mdstream.schemas.batches import conform, in_order, last_of_each
from mdstream.schemas.conditions import CANCEL
from mdstream.schemas.keys import bar_key, indicators_key, latest_price_key, predictions_key
from mdstream.schemas.wire import encode_batch
from mdstream.stores.redis.address import redis_address

TICK_ORDER = ("event_time", "sequence|kafka_offset", "kafka_partition", "kafka_offset")
"""Of two ticks of a symbol, the greater by these is the newer, as in a bar's close: of `a|b` the first there is."""

BAR_ORDER = ("window_start", "trade_count")
"""Of two bars of a symbol and window, the greater by these is the newer."""

PREDICTION_ORDER = ("target_time", "made_at")
"""Of two forecasts of a symbol and horizon, the greater by these is the newer."""

# KEYS[1] the key; ARGV[1] the new JSON, ARGV[2] the key's seconds to live, ARGV[3] the field of a hash that holds it
# or '' if the key itself does, ARGV[4...] the integers within the JSON to order by.
# A text within the JSON cannot be taken for a field: its quotes are escaped.
# Lua's numbers are doubles and a sequence may exceed 2^53: integers are compared as the digits they are written in.
_SET_UNLESS_OLDER = """
local function integer(json, fields)
  for field in string.gmatch(fields, '[^|]+') do
    local found = string.match(json, '"' .. field .. '":%s*(-?%d+)')
    if found then return found end
  end
end

local function compare(a, b)
  if a == b then return 0 end
  if not a then return -1 end
  if not b then return 1 end
  local a_negative, b_negative = a:sub(1, 1) == '-', b:sub(1, 1) == '-'
  if a_negative ~= b_negative then return a_negative and -1 or 1 end
  local smaller = #a < #b or (#a == #b and a < b)
  return smaller ~= a_negative and -1 or 1
end

local name = ARGV[3]
local current = name == '' and redis.call('GET', KEYS[1]) or name ~= '' and redis.call('HGET', KEYS[1], name)
if current then
  for i = 4, #ARGV do
    local order = compare(integer(ARGV[1], ARGV[i]), integer(current, ARGV[i]))
    if order < 0 then return 0 end
    if order > 0 then break end
  end
end
if name == '' then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
else
  redis.call('HSET', KEYS[1], name, ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return 1
"""


@dataclass(frozen=True)
class RedisLatestPriceSink:
    """Keeps the newest tick of each symbol as wire JSON under `latest_price:{symbol}`, for a time.

    A key never goes back to an older tick while it lives.

    Attributes:
        settings: The server and `latest_price_ttl_seconds`.
    """

    settings: RedisSettings

    def write(self, batch: pa.RecordBatch) -> None:
        """Store the newest trade of each symbol of a batch of `STORED_TICK`; see `mdstream.stores.Sink`.

        What has the condition `CANCEL` is no trade, and no price.

        Raises:
            SinkUnavailableError: Redis cannot be reached, or did not answer within `timeout_seconds`.
            SinkError: The batch is refused.
        """
        rows = _without_cancels(conform(batch, STORED_TICK))
        newest = _newest(rows, ("symbol",), TICK_ORDER)
        keys = [latest_price_key(symbol) for symbol in newest.column("symbol").to_pylist()]
        _set_unless_older(self.settings, keys, newest, self.settings.latest_price_ttl_seconds, TICK_ORDER)


@dataclass(frozen=True)
class RedisBarSink:
    """Keeps the newest bar of each symbol and window as wire JSON under `aggregated:{symbol}:{window}`, for a time.

    A key never goes back to an older bar, nor to an older revision of the same bar, while it lives.

    Attributes:
        settings: The server and `aggregated_ttl_seconds`.
    """

    settings: RedisSettings

    def write(self, batch: pa.RecordBatch) -> None:
        """Store the newest bar of each symbol and window of a batch of `BAR`; see `mdstream.stores.Sink`.

        Raises:
            SinkUnavailableError: Redis cannot be reached, or did not answer within `timeout_seconds`.
            SinkError: The batch is refused.
        """
        rows = conform(batch, BAR)
        newest = _newest(rows, ("symbol", "window"), BAR_ORDER)
        names = zip(newest.column("symbol").to_pylist(), newest.column("window").to_pylist(), strict=True)
        keys = [bar_key(symbol, window) for symbol, window in names]
        _set_unless_older(self.settings, keys, newest, self.settings.aggregated_ttl_seconds, BAR_ORDER)


@dataclass(frozen=True)
class RedisIndicatorSink:
    """Keeps the newest indicators of each symbol in the hash `indicators:{symbol}`, for a time.

    The hash has a field a window with the wire JSON of its newest row. A field never goes back to an older bar's
    indicators, nor to those of an older revision, while the hash lives: until `indicators_ttl_seconds` after the
    last that was newer.

    Attributes:
        settings: The server and `indicators_ttl_seconds`.
        record: `settings.indicator_record`: its columns depend on the configuration.
    """

    settings: RedisSettings
    record: Record

    def write(self, batch: pa.RecordBatch) -> None:
        """Store the newest indicators of each symbol and window; see `mdstream.stores.Sink`.

        Raises:
            SinkUnavailableError: Redis cannot be reached, or did not answer within `timeout_seconds`.
            SinkError: The batch is refused.
        """
        rows = conform(batch, self.record)
        newest = _newest(rows, ("symbol", "window"), BAR_ORDER)
        keys = [indicators_key(symbol) for symbol in newest.column("symbol").to_pylist()]
        windows = newest.column("window").to_pylist()
        _set_unless_older(self.settings, keys, newest, self.settings.indicators_ttl_seconds, BAR_ORDER, windows)


@dataclass(frozen=True)
class RedisPredictionSink:
    """Keeps the newest forecasts of each symbol in the hash `predictions:{symbol}`, for a time.

    The hash has a field a horizon, in minutes, with the wire JSON of its newest forecast. A field never goes back to
    an earlier target, nor to a forecast of the same target that was made earlier, while the hash lives: until
    `predictions_ttl_seconds` after the last that was newer.

    Attributes:
        settings: The server and `predictions_ttl_seconds`.
    """

    settings: RedisSettings

    def write(self, batch: pa.RecordBatch) -> None:
        """Store the newest forecast of each symbol and horizon of a batch of `PREDICTION`; see `mdstream.stores.Sink`.

        Raises:
            SinkUnavailableError: Redis cannot be reached, or did not answer within `timeout_seconds`.
            SinkError: The batch is refused.
        """
        rows = conform(batch, PREDICTION)
        newest = _newest(rows, ("symbol", "horizon_minutes"), PREDICTION_ORDER)
        keys = [predictions_key(symbol) for symbol in newest.column("symbol").to_pylist()]
        horizons = map(str, newest.column("horizon_minutes").to_pylist())
        ttl = self.settings.predictions_ttl_seconds
        _set_unless_older(self.settings, keys, newest, ttl, PREDICTION_ORDER, horizons)


def _newest(rows: pa.RecordBatch, key: Sequence[str], order: Sequence[str]) -> pa.RecordBatch:
    """Return the newest row of each key; of equal ones the later."""
    columns = {name: rows.column(name) for name in key}
    columns |= {fields: pc.coalesce(*map(rows.column, fields.split("|"))) for fields in order}
    columns["row"] = pa.array(range(rows.num_rows), pa.int64())
    ordered = in_order(pa.RecordBatch.from_pydict(columns), (*key, *order))
    return rows.take(last_of_each(ordered, key).column("row"))


@dataclass(frozen=True)
class _Client:
    redis: redis.Redis
    set_unless_older: Script


def _open_client(settings: RedisSettings) -> _Client:
    client = redis.Redis(
        **redis_address(settings),
        socket_timeout=settings.timeout_seconds,
        socket_connect_timeout=settings.timeout_seconds,
        # The second attempt opens a connection in place of one that was lost while idle.
        retry=Retry(NoBackoff(), retries=1),
        client_name="mdstream",
    )
    return _Client(client, client.register_script(_SET_UNLESS_OLDER))


_CLIENTS: PerProcess[RedisSettings, _Client] = PerProcess(_open_client)


def _set_unless_older(
    settings: RedisSettings,
    keys: Sequence[str],
    rows: pa.RecordBatch,
    ttl_seconds: int,
    order: Sequence[str],
    fields: Iterable[str] = repeat(""),
) -> None:
    """Write each row to its key, or to its field of a hash, unless a newer one is there."""
    if not keys:
        return
    with _translated(settings):
        client = _CLIENTS.get(settings)
        with client.redis.pipeline(transaction=False) as pipeline:
            for key, value, field in zip(keys, encode_batch(rows), fields, strict=False):
                client.set_unless_older(keys=[key], args=[value, ttl_seconds, field, *order], client=pipeline)
            pipeline.execute()


def _without_cancels(rows: pa.RecordBatch) -> pa.RecordBatch:
    conditions = rows.column("conditions")
    is_cancel = pc.fill_null(pc.equal(conditions.flatten(), CANCEL), False)
    cancelled = pc.list_parent_indices(conditions).filter(is_cancel)
    if not len(cancelled):
        return rows
    places = pa.array(range(rows.num_rows), cancelled.type)
    return rows.filter(pc.invert(pc.is_in(places, cancelled)))


@contextmanager
def _translated(settings: RedisSettings) -> Iterator[None]:
    where = f"Redis at {settings.host}:{settings.port}, database {settings.database}"
    try:
        yield
    except (redis.AuthenticationError, redis.exceptions.AuthorizationError) as exc:
        raise SinkError(f"{where} refused the log-in: {exc}; check stores.redis") from exc
    except (
        redis.ConnectionError,
        redis.TimeoutError,
        redis.ReadOnlyError,
        redis.OutOfMemoryError,
        redis.exceptions.ClusterDownError,
        redis.exceptions.TryAgainError,
        redis.exceptions.NoScriptError,  # the server was restarted or flushed between two commands
    ) as exc:
        raise SinkUnavailableError(f"{where} cannot be used now: {exc}; check stores.redis") from exc
    except redis.RedisError as exc:
        raise SinkError(f"{where} refused the batch: {exc}") from exc
