"""The newest tick, bars, indicators and forecasts of every symbol, in Redis or Valkey."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat

import pyarrow as pa
import pyarrow.compute as pc
import redis
from redis.commands.core import Script

from mdstream.clients import PerProcess
from mdstream.config import RedisSettings
from mdstream.errors import InvalidInputError, of_writing
from mdstream.indicators.records import INDICATOR
from mdstream.schemas import BAR, PREDICTION, STORED_TICK, Record
from mdstream.schemas.batches import conform, in_order, last_of_each
from mdstream.schemas.conditions import CANCEL
from mdstream.schemas.keys import bar_key, indicators_key, latest_price_key, predictions_key
from mdstream.schemas.wire import encode_batch
from mdstream.stores.redis.client import open_redis, translated

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
class _Place:
    """Where records of a kind are kept.

    Attributes:
        key: Returns the key of a row, given what its columns `of` hold.
        of: The columns that are the key's.
        field: The column whose text is the field of a hash; None if the key itself holds the record.
        order: Of two rows of a key and field, the greater by these is the newer.
        ttl: Which setting says how long the key lives.
    """

    key: Callable[..., str]
    of: tuple[str, ...]
    field: str | None
    order: tuple[str, ...]
    ttl: str


_PLACES = {
    STORED_TICK.name: _Place(latest_price_key, ("symbol",), None, TICK_ORDER, "latest_price_ttl_seconds"),
    BAR.name: _Place(bar_key, ("symbol", "window"), None, BAR_ORDER, "aggregated_ttl_seconds"),
    INDICATOR: _Place(indicators_key, ("symbol",), "window", BAR_ORDER, "indicators_ttl_seconds"),
    PREDICTION.name: _Place(
        predictions_key, ("symbol",), "horizon_minutes", PREDICTION_ORDER, "predictions_ttl_seconds"
    ),
}


def holds(record: Record) -> bool:
    """Say whether Redis has a place for the newest of a kind of record.

    Example:
        >>> from mdstream.schemas import ANOMALY
        >>> holds(BAR), holds(ANOMALY)
        (True, False)
    """
    return record.name in _PLACES


@dataclass(frozen=True)
class RedisSink:
    """Keeps the newest record of each symbol as wire JSON, for a time.

    - ticks under `latest_price:{symbol}`; what has the condition `CANCEL` is neither a trade nor a price
    - bars under `aggregated:{symbol}:{window}`
    - indicators in the hash `indicators:{symbol}`, in a field a window
    - forecasts in the hash `predictions:{symbol}`, in a field a horizon, in minutes

    A key, or field, never goes back to an older record, nor to an older revision of the same, while it lives: until
    the time that `settings` says after the last that was newer.

    Attributes:
        settings: The server, and how long keys live.
        record: What is written: a stored tick, a bar, `settings.indicator_record` or a forecast.

    Raises:
        InvalidInputError: Redis has no place for such a record.
    """

    settings: RedisSettings
    record: Record

    def __post_init__(self) -> None:
        if not holds(self.record):
            raise InvalidInputError(f"{self.record.one} is not kept in Redis; expected one of {', '.join(_PLACES)}")

    def write(self, batch: pa.RecordBatch) -> None:
        """Store the newest row of each key and field; see `mdstream.stores.Sink`.

        Raises:
            SinkUnavailableError: Redis cannot be reached, or did not answer within `timeout_seconds`.
            SinkError: The batch is refused.
        """
        place = _PLACES[self.record.name]
        rows = conform(batch, self.record)
        if "conditions" in rows.schema.names:
            rows = _without_cancels(rows)
        newest = _newest(rows, (*place.of, place.field) if place.field else place.of, place.order)
        keys = [
            place.key(*names) for names in zip(*(newest.column(name).to_pylist() for name in place.of), strict=True)
        ]
        fields = map(str, newest.column(place.field).to_pylist()) if place.field else repeat("")
        _set_unless_older(self.settings, keys, newest, getattr(self.settings, place.ttl), place.order, fields)


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
    client = open_redis(settings, settings.timeout_seconds, "mdstream")
    return _Client(client, client.register_script(_SET_UNLESS_OLDER))


_CLIENTS: PerProcess[RedisSettings, _Client] = PerProcess(_open_client)


def _set_unless_older(
    settings: RedisSettings,
    keys: Sequence[str],
    rows: pa.RecordBatch,
    ttl_seconds: int,
    order: Sequence[str],
    fields: Iterable[str],
) -> None:
    """Write each row to its key, or to its field of a hash, unless a newer one is there."""
    if not keys:
        return
    with of_writing(), translated(settings):
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
