"""Minute bars of a vendor into the stores that keep the past."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mdstream.config import Settings
from mdstream.errors import ConfigError, InvalidInputError
from mdstream.feeds.massive import BackfillProgress, MassiveRest, Place, Span
from mdstream.feeds.massive.rest import minute_bars_path
from mdstream.feeds.websocket.massive_bars import bars_of_records
from mdstream.schemas import BAR
from mdstream.schemas.limits import kind_of
from mdstream.stores import Sink, lasting_sinks

_MINUTE = timedelta(minutes=1)


@dataclass
class BarsBackfilled:
    """What became of a vendor's bars.

    Attributes:
        stored: Bars written; those that a store has of more trades stay as they are.
        rejects: How many were left out, by reason.
    """

    stored: int = 0
    rejects: Counter[str] = field(default_factory=Counter)


async def backfill_bars(
    settings: Settings,
    rest: MassiveRest,
    symbols: Sequence[str],
    span: Span,
    progress: BackfillProgress,
    on_progress: Callable[[float], None] = lambda _: None,
) -> BarsBackfilled:
    """Fetch Massive's minute bars and write them to TimescaleDB and InfluxDB, where they are switched on.

    Redis and Kafka carry what is new, and are left alone. A bar that is stored already stays if it is of more trades.
    How far it has come is kept after every page, and writing again changes nothing.

    Args:
        settings: All settings.
        rest: The API.
        symbols: Of which symbols.
        span: From when to when: whole minutes.
        progress: How far it has come.
        on_progress: Called with the share of the work that is done, 0 to 1.

    Raises:
        InvalidInputError: The times are not whole minutes, or there is no such symbol.
        ConfigError: No window of one minute is configured, or no store keeps bars.
        AccessError: The plan does not include these bars.
        FeedError: The API cannot be used.
        SinkUnavailableError: A store cannot be reached; the same back-fill may be started again.
        SinkError: A store refused a page.
    """
    if any(time.timestamp() % _MINUTE.total_seconds() for time in (span.start, span.end)):
        raise InvalidInputError(f"minute bars are of whole minutes; found {span.start} to {span.end}")
    window, sinks = settings.minute_window, _sinks(settings)
    done = BarsBackfilled()
    for number, symbol in enumerate(symbols):
        place = progress.place_of(symbol) or Place(minute_bars_path(symbol, span.start, span.end))
        while place.page is not None:
            page = await rest.page(place.page)
            bars, reasons = bars_of_records(symbol, window, page.rows)
            for sink in sinks:
                sink.write(bars)
            done.stored += bars.num_rows
            done.rejects.update(kind_of(reason) for reason in reasons)
            place = Place(page.following, 0, place.delivered + len(page.rows))
            if not (place.delivered or place.page) and not await rest.knows(symbol, span.start.date()):
                raise InvalidInputError(f"massive knows no symbol {symbol} on {span.start:%Y-%m-%d}")
            progress.keep(symbol, place)
            if bars.num_rows:
                on_progress((number + _share(bars.column("window_end")[-1].as_py(), span)) / len(symbols))
    return done


def _sinks(settings: Settings) -> tuple[Sink, ...]:
    sinks = lasting_sinks(settings, BAR)
    if not sinks:
        raise ConfigError("no store that keeps the past is switched on: stores.timescaledb or stores.influxdb")
    return sinks


def _share(reached: datetime, span: Span) -> float:
    return min(1.0, (reached - span.start) / (span.end - span.start))
