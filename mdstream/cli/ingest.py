"""`mdstream ingest` and `mdstream replay`: market data into Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors, output
from mdstream.cli.symbols import listed
from mdstream.config import FeedSettings, Settings, load_settings
from mdstream.errors import InvalidInputError
from mdstream.feeds import Counts, Feed, FeedBatch, MarketOptions, ReplayFeed, SyntheticFeed, TickProducer
from mdstream.feeds.ingest import ingest as run_feed
from mdstream.feeds.pacing import parse_speed
from mdstream.feeds.supervision import Overflow, Supervision
from mdstream.feeds.synthetic import symbol_names
from mdstream.feeds.websocket import (
    BinanceVenue,
    FinageVenue,
    MassiveVenue,
    Venue,
    WebSocketFeed,
)
from mdstream.operations.topics import create_topics, plan_topics


class FeedName(StrEnum):
    """The feeds that can be named on the command line."""

    BINANCE = "binance"
    FINAGE = "finage"
    MASSIVE = "massive"
    REPLAY = "replay"
    SYNTHETIC = "synthetic"


_VENUES: dict[FeedName, Callable[[FeedSettings], Venue]] = {
    FeedName.BINANCE: lambda feeds: BinanceVenue(feeds.binance.url),
    FeedName.FINAGE: lambda feeds: FinageVenue(feeds.finage.address, feeds.finage.socket_key),
    FeedName.MASSIVE: lambda feeds: MassiveVenue(feeds.massive.api_key, feeds.massive.url),
}
"""The feeds that are live."""


class Shift(StrEnum):
    """Where event times can be moved to."""

    NOW = "now"


Symbols = Annotated[
    str | None,
    typer.Option("--symbols", help="Only these, separated by commas; without it all of the file.", show_default=False),
]
Speed = Annotated[
    str, typer.Option("--speed", help="`1x` as it happened, `10x` ten times faster, `0.5x`, or `max`: no waiting.")
]
ShiftTo = Annotated[
    Shift | None,
    typer.Option(
        "--shift",
        help="`now`: move event times so that the first tick is now, keeping the gaps; above 1x, where they "
        "would run ahead of the clock, so that the last one is.",
        show_default=False,
    ),
]


def replay(
    file: Annotated[Path, typer.Argument(help="A .parquet, .csv or .jsonl file (.gz too), or a folder of them.")],
    speed: Speed = "1x",
    shift: ShiftTo = None,
    symbols: Symbols = None,
    config: ConfigFile = None,
) -> None:
    """Replay recorded ticks into Kafka.

    A file needs the columns `symbol`, `price`, `size` and `event_time` (timestamps, ISO 8601 text, or epoch
    microseconds; without a zone they are UTC); `sequence`, `conditions`, `exchange`, `trade_id` and `source` are
    used if they are there. Rows that are no usable ticks go to the topic `dead_letter` with the reason.

    For example:

        mdstream replay ticks.parquet --speed max

        mdstream replay ticks.csv.gz --speed 1x --shift now --symbols AAPL,MSFT
    """
    settings = load_settings(config)
    feed = _replay_feed(file, speed, shift, settings)
    _run(feed, settings, listed(symbols))


def ingest(  # one parameter an option
    feed: Annotated[FeedName, typer.Option("--feed", help="Where the ticks come from.")],
    symbols: Annotated[
        str | None,
        typer.Option(
            "--symbols",
            help="Which, separated by commas; for `synthetic` also how many, e.g. 100: the configured ones, then "
            "made-up names. Without it: synthetic makes the configured ones, replay takes all of the file.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="replay: what to read.", show_default=False)] = None,
    speed: Speed = "1x",
    shift: ShiftTo = None,
    rate: Annotated[float, typer.Option("--rate", help="synthetic: ticks a second over all symbols.")] = 1000.0,
    ticks: Annotated[
        int | None, typer.Option("--ticks", min=1, help="synthetic: end after this many.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="synthetic: the same seed gives the same ticks.")] = 0,
    late_share: Annotated[
        float, typer.Option("--late-share", min=0, max=1, help="synthetic: share of ticks reported late.")
    ] = 0.0,
    duplicate_share: Annotated[
        float, typer.Option("--duplicate-share", min=0, max=1, help="synthetic: share of ticks sent twice.")
    ] = 0.0,
    overflow: Annotated[
        Overflow,
        typer.Option("--overflow", help="Live feeds: when Kafka is slower, `wait` with reading, or `drop` and count."),
    ] = Overflow.WAIT,
    config: ConfigFile = None,
) -> None:
    """Bring market data into the Kafka topic `tick_data` until the feed ends, Ctrl-C or SIGTERM.

    What cannot be used goes to the topic `dead_letter` with the reason. Topics that are missing are created.

    For example:

        mdstream ingest --feed binance --symbols BTCUSDT,ETHUSDT

        mdstream ingest --feed synthetic --symbols 100 --rate 5000

        mdstream ingest --feed replay --file ticks.parquet --speed 10x
    """
    settings = load_settings(config)
    if feed in _VENUES:
        _run(_live_feed(feed, settings, overflow), settings, _live_symbols(feed, symbols, settings.symbols))
        return
    if feed is FeedName.REPLAY:
        if file is None:
            raise InvalidInputError("the feed replay needs a file: --file ticks.parquet")
        _run(_replay_feed(file, speed, shift, settings), settings, listed(symbols))
        return
    options = MarketOptions(
        symbols=_market_symbols(symbols, settings.symbols),
        rate=rate,
        seed=seed,
        late_share=late_share,
        duplicate_share=duplicate_share,
    )
    _run(SyntheticFeed(options, limit=ticks), settings, ())


def _replay_feed(file: Path, speed: str, shift: Shift | None, settings: Settings) -> ReplayFeed:
    return ReplayFeed(
        file,
        speed=parse_speed(speed),
        shift_to_now=shift is Shift.NOW,
        max_future_skew=timedelta(seconds=settings.ticks.max_future_skew_seconds),
    )


def _live_feed(name: FeedName, settings: Settings, overflow: Overflow) -> WebSocketFeed:
    skew = timedelta(seconds=settings.ticks.max_future_skew_seconds)
    return WebSocketFeed(_VENUES[name](settings.feeds), Supervision(overflow=overflow), skew)


def _live_symbols(name: FeedName, symbols: str | None, configured: Sequence[str]) -> tuple[str, ...]:
    # The configured symbols are stocks.
    return listed(symbols) or (() if name is FeedName.BINANCE else tuple(configured))


def _market_symbols(symbols: str | None, configured: Sequence[str]) -> tuple[str, ...]:
    if symbols is not None and symbols.strip().isdecimal():
        return symbol_names(int(symbols), configured)
    return listed(symbols) or tuple(configured)


def _run(feed: Feed, settings: Settings, symbols: Sequence[str]) -> None:
    created = create_topics(settings.kafka, plan_topics(settings))
    if created:
        errors.print(f"created the topics {', '.join(created)}", soft_wrap=True)
    producer = TickProducer(settings.kafka, feed.name)
    started = time.monotonic()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[ticks]:,} ticks"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task(feed.name, total=None, ticks=0)

        def observe(batch: FeedBatch, counts: Counts) -> None:
            total = None if batch.fraction is None else 1.0
            progress.update(task, total=total, completed=batch.fraction, ticks=counts.sent)

        try:
            run_feed(feed, producer, symbols=symbols, observe=observe)
        finally:
            progress.stop()
            _print_counts(producer.counts, time.monotonic() - started)
    if not producer.counts.sent and producer.counts.dead_letters:
        raise InvalidInputError("nothing of the input was a usable tick; the reasons are above and in dead_letter")


def _print_counts(counts: Counts, seconds: float) -> None:
    rate = counts.sent / seconds if seconds else 0.0
    output.print(
        f"{counts.sent:,} ticks sent, {counts.acknowledged:,} acknowledged by Kafka, "
        f"{counts.dead_letters.total():,} dead letters; {seconds:.1f} s, {rate:,.0f} ticks/s",
        highlight=False,
        soft_wrap=True,
    )
    for reason, number in counts.dead_letters.most_common():
        output.print(f"  {number:,} × {reason}", markup=False, highlight=False, soft_wrap=True)
