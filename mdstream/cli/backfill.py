"""`mdstream backfill`: past trades and bars of a vendor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors, output
from mdstream.cli.times import From, To
from mdstream.config import Settings, load_settings
from mdstream.errors import ConfigError
from mdstream.feeds import Counts, FeedBatch, TickProducer, WireTick
from mdstream.feeds.extension import Kind
from mdstream.feeds.ingest import Ingestion, ingest
from mdstream.feeds.massive import BackfillProgress, MassiveRest, Span, TradeBackfill
from mdstream.kafka.broker_watch import watched_broker
from mdstream.kafka.topics import create_topics, plan_topics


class HistoryFeed(StrEnum):
    """The vendors that the past can be had from."""

    MASSIVE = "massive"


def backfill(
    symbols: Annotated[list[str], typer.Argument(help="One or more, e.g. AAPL MSFT.", show_default=False)],
    start: From,
    end: To,
    feed: Annotated[HistoryFeed, typer.Option("--feed", help="Where the past comes from.")] = HistoryFeed.MASSIVE,
    kind: Annotated[
        Kind, typer.Option("--kind", help="`trades` into `tick_data`, or minute `bars` into the stores.")
    ] = Kind.TRADES,
    only_missing: Annotated[
        bool, typer.Option("--only-missing", help="Trades: leave out those that the database has already.")
    ] = False,
    state: Annotated[Path, typer.Option("--state", help="Folder of files that say how far it has come.")] = Path(
        "checkpoints/backfill"
    ),
    config: ConfigFile = None,
) -> None:
    """Fetch trades or minute bars of the past over a vendor's REST API.

    **Trades** go to Kafka like those of the live feed, with the times they happened. Those that were received live
    would be there twice without `--only-missing`, which looks them up in TimescaleDB. **Bars**, not adjusted for
    splits, go to TimescaleDB and InfluxDB; one that is stored of more trades stays.

    The same command goes on where it was stopped, and does nothing when it is complete. Stopped by Ctrl-C or SIGTERM
    it repeats nothing; killed, at most 5,000 trades. `feeds.massive.calls_per_minute` (5, as on the free plan) may be
    raised, or null for no limit.

    Example: `mdstream backfill --feed massive AAPL MSFT --from 2026-01-05 --to 2026-01-06`
    """
    settings = load_settings(config)
    span = Span(start, end)
    file = state / f"{feed}-{kind}-{span.start:%Y%m%dT%H%M%S}-{span.end:%Y%m%dT%H%M%S}.json"
    kept = BackfillProgress(file)
    left = kept.unfinished(symbols)
    if complete := [symbol for symbol in symbols if symbol not in left]:
        _say(f"{', '.join(complete)}: complete, as {file} says; delete it to fetch them again")
    if not left:
        return
    massive = settings.feeds.massive
    rest = MassiveRest(massive.api_key, massive.rest_url, massive.calls_per_minute)
    if kind is Kind.TRADES:
        _trades(settings, rest, left, span, kept, only_missing)
    else:
        _bars(settings, rest, left, span, kept)


def _trades(
    settings: Settings,
    rest: MassiveRest,
    symbols: Sequence[str],
    span: Span,
    kept: BackfillProgress,
    only_missing: bool,
) -> None:
    topic = settings.ticks.written_topic
    if created := create_topics(settings.kafka, plan_topics(settings)):
        _say(f"created the topics {', '.join(created)}")
    producer = TickProducer(settings.kafka, HistoryFeed.MASSIVE, tick_topic=topic)
    skew, nonpositive = timedelta(seconds=settings.ticks.max_future_skew_seconds), settings.ticks.nonpositive_prices
    feed = TradeBackfill(
        rest, span, kept, producer.flush, _selection(settings, only_missing), skew, nonpositive_prices=nonpositive
    )
    with watched_broker(settings.kafka), _progress() as shown:
        task = shown.add_task(", ".join(symbols), total=1.0, note="")

        def observe(batch: FeedBatch, counts: Counts) -> None:
            shown.update(task, completed=batch.fraction, note=f"{counts.sent:,} trades, {rest.calls:,} calls")

        try:
            ingest([Ingestion(feed, producer, symbols, observe)])
        finally:
            shown.stop()
            counts = producer.counts
            output.print(
                f"{counts.sent:,} trades sent, {counts.acknowledged:,} acknowledged by Kafka, "
                f"{counts.dead_letters.total():,} dead letters; {rest.calls:,} calls",
                highlight=False,
                soft_wrap=True,
            )
    if unfinished := kept.unfinished(symbols):
        _say(f"not complete: {', '.join(unfinished)}; the same command goes on from here")
    lateness = timedelta(seconds=settings.ticks.allowed_lateness_seconds)
    _say(
        f"trades more than {lateness} behind the stream's newest tick are stored, but in no bar yet; "
        f"once they are stored: {_rebuild(span, symbols)}"
    )


def _selection(settings: Settings, only_missing: bool) -> Callable[[Sequence[WireTick]], Sequence[WireTick]]:
    if not only_missing:
        return list
    if not settings.stores.timescaledb.enabled:
        raise ConfigError("--only-missing asks TimescaleDB, which stores.timescaledb.enabled = false switches off")
    # Imported here so that `mdstream --help` stays quick.
    from mdstream.stores.timescaledb.missing_trades import missing_trades

    return partial(missing_trades, settings.stores.timescaledb)


def _bars(settings: Settings, rest: MassiveRest, symbols: Sequence[str], span: Span, kept: BackfillProgress) -> None:
    # Imported here so that `mdstream --help` stays quick.
    from mdstream.operations.backfill import backfill_bars

    async def fetch() -> None:
        async with rest:
            done = await backfill_bars(
                settings, rest, symbols, span, kept, lambda share: shown.update(task, completed=share)
            )
        shown.stop()
        output.print(f"{done.stored:,} bars stored; {rest.calls:,} calls", highlight=False, soft_wrap=True)
        for reason, number in done.rejects.most_common():
            output.print(f"  {number:,} left out × {reason}", markup=False, highlight=False, soft_wrap=True)

    with _progress() as shown:
        task = shown.add_task(", ".join(symbols), total=1.0, note="")
        asyncio.run(fetch())
    _say(f"indicators and anomalies of them: {_rebuild(span, symbols)}")


def _rebuild(span: Span, symbols: Sequence[str]) -> str:
    return (
        f"mdstream rebuild --from {span.start:%Y-%m-%dT%H:%M:%S} --to {span.end:%Y-%m-%dT%H:%M:%S} "
        f"--symbols {','.join(symbols)}"
    )


def _progress() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)


def _say(text: str) -> None:
    errors.print(text, markup=False, highlight=False, soft_wrap=True)
