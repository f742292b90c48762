"""`mdstream ingest` and `mdstream replay`: market data into Kafka."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors, output
from mdstream.cli.feeds import symbols_of_feeds
from mdstream.cli.metrics_port import MetricsPort
from mdstream.cli.symbols import listed
from mdstream.cli.tick_files import Columns, Format, SymbolOfFile, UnitOfTimes, file_form
from mdstream.cli.times import Since
from mdstream.config import Settings, load_settings
from mdstream.errors import InvalidInputError
from mdstream.feeds import Counts, Feed, FeedBatch, Ingestion, TickProducer
from mdstream.feeds.extension import FeedOptions, Kind, Shift, feed_extension, open_feeds
from mdstream.feeds.ingest import Observer
from mdstream.feeds.ingest import ingest as run_feeds
from mdstream.feeds.metrics import FeedMetrics
from mdstream.feeds.remedies import remedy_of
from mdstream.feeds.shipped import replay_feed
from mdstream.feeds.sources import check_sources
from mdstream.feeds.supervision import Overflow
from mdstream.kafka.broker_watch import watched_broker
from mdstream.kafka.producing import open_client
from mdstream.kafka.topics import create_topics, plan_topics
from mdstream.serving.metrics_port import serve_metrics

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

_UNITS = {Kind.TRADES: "ticks", Kind.BARS: "bars", Kind.QUOTES: "quotes"}
"""What is counted."""


def replay(
    file: Annotated[
        Path, typer.Argument(help="A .parquet, .csv or .jsonl file (.gz, .zst, .zip too), or a folder of them.")
    ],
    speed: Speed = "1x",
    shift: ShiftTo = None,
    symbols: Symbols = None,
    format_name: Format = None,
    unit: UnitOfTimes = None,
    symbol: SymbolOfFile = None,
    columns: Columns = None,
    config: ConfigFile = None,
) -> None:
    """Replay recorded ticks into Kafka.

    A file needs the columns `symbol`, `price`, `size` and `event_time` (timestamps, ISO 8601 text, or epoch
    microseconds; without a zone they are UTC); `sequence`, `conditions`, `exchange`, `trade_id` and `source` are
    used if they are there. Files of vendors are read as they come, with `--format`; any other file with `--columns`,
    `--unit` and `--symbol`. Rows that are no usable ticks go to the topic `dead_letter` with the reason.

    For example:

        mdstream replay ticks.parquet --speed max

        mdstream replay ticks.csv.gz --speed 1x --shift now --symbols AAPL,MSFT
    """
    settings = load_settings(config)
    form = file_form(format_name, unit, symbol, columns, settings.ticks)
    options = FeedOptions(file=file, speed=speed, shift=shift, form=form)
    _run([(replay_feed(options, settings.ticks), listed(symbols))], settings, ends=True)


def ingest(  # one parameter an option
    feed: Annotated[
        list[str],
        typer.Option(
            "--feed",
            metavar="NAME",
            help="Where the ticks come from; may be given several times: alphavantage, binance, finage, fmp, massive, "
            "replay, synthetic, or what an installed package adds (`mdstream extensions`).",
        ),
    ],
    symbols: Annotated[
        str | None,
        typer.Option(
            "--symbols",
            help="Which, separated by commas: for all feeds, or for each, as in `binance=BTCUSDT,massive=AAPL,MSFT`. "
            "For `synthetic` also how many, e.g. 100: the configured ones, then well-known and made-up ones. Without "
            "it: the configured ones, from replay all of the file.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        Kind,
        typer.Option(
            "--kind",
            help="massive: `trades` into `tick_data`, or minute `bars` into `aggregated_data`; replay: `trades`, or "
            "`quotes` into `quote_data`.",
        ),
    ] = Kind.TRADES,
    file: Annotated[Path | None, typer.Option("--file", help="replay: what to read.", show_default=False)] = None,
    speed: Speed = "1x",
    shift: ShiftTo = None,
    rate: Annotated[float, typer.Option("--rate", help="synthetic: ticks a second over all symbols.")] = 1000.0,
    ticks: Annotated[
        int | None, typer.Option("--ticks", min=1, help="synthetic: end after this many.", show_default=False)
    ] = None,
    history_minutes: Annotated[
        int, typer.Option("--history", min=0, help="synthetic: minutes before now whose ticks come first, at once.")
    ] = 0,
    since: Since = None,
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
    format_name: Format = None,
    unit: UnitOfTimes = None,
    symbol: SymbolOfFile = None,
    columns: Columns = None,
    metrics_port: MetricsPort = None,
    config: ConfigFile = None,
) -> None:
    """Bring market data into the Kafka topic `tick_data` until the feeds end, Ctrl-C or SIGTERM.

    What cannot be used goes to the topic `dead_letter` with the reason. Topics that are missing are created. A feed
    that fails for good ends the others too. Where two feeds deliver a symbol, `ticks.primary_source` has to say which
    of them makes its bars. `--kind bars` is for plans of Massive that have no trades: its minute bars go to
    `aggregated_data`, whatever `ticks.primary_source` says. `feeds.binance.quotes`, `feeds.massive.quotes` and
    `feeds.synthetic.quotes` bring quotes too, into `quote_data`.

    For example:

        mdstream ingest --feed binance --symbols BTCUSDT,ETHUSDT

        mdstream ingest --feed binance --feed massive --symbols binance=BTCUSDT,massive=AAPL,MSFT

        mdstream ingest --feed massive --kind bars --symbols AAPL,MSFT

        mdstream ingest --feed synthetic --symbols 100 --rate 5000

        mdstream ingest --feed replay --file ticks.parquet --speed 10x

        mdstream ingest --feed replay --kind quotes --file quotes.jsonl --symbol SPY --speed max
    """
    settings = load_settings(config)
    options = FeedOptions(
        file=file,
        speed=speed,
        shift=shift,
        rate=rate,
        ticks=ticks,
        history_minutes=history_minutes,
        since=since,
        seed=seed,
        late_share=late_share,
        duplicate_share=duplicate_share,
        overflow=overflow,
        kind=kind,
        form=file_form(format_name, unit, symbol, columns, settings.ticks),
    )
    feeds = open_feeds(symbols_of_feeds(symbols, feed), options, settings)
    _run(feeds, settings, metrics_port, kind, ends=all(feed_extension(name).ends for name in feed))


def _run(
    feeds: Sequence[tuple[Feed, Sequence[str]]],
    settings: Settings,
    metrics_port: int | None = None,
    kind: Kind = Kind.TRADES,
    *,
    ends: bool = False,
) -> None:
    if kind is Kind.TRADES:
        check_sources({feed.name: symbols for feed, symbols in feeds}, settings.ticks.primary_sources)
    topic = settings.ticks.written_topic
    created = create_topics(settings.kafka, plan_topics(settings))
    if created:
        errors.print(f"created the topics {', '.join(created)}", soft_wrap=True)
    client = open_client(settings.kafka)
    producers = [TickProducer(settings.kafka, feed.name, tick_topic=topic, client=client) for feed, _ in feeds]
    metrics = FeedMetrics([(feed, producer) for (feed, _), producer in zip(feeds, producers, strict=True)])
    port = metrics_port or settings.monitoring.ingest_port
    started = time.monotonic()
    with ExitStack() as stack:
        if port is not None:
            registry = CollectorRegistry()
            registry.register(metrics)
            stack.enter_context(serve_metrics(registry, settings.monitoring.host, port))
        stack.enter_context(watched_broker(settings.kafka))
        progress = stack.enter_context(_progress())
        observing = None if port is None else metrics
        ingestions = [
            Ingestion(feed, producer, symbols, _observer(progress, feed.name, _UNITS[kind], observing))
            for (feed, symbols), producer in zip(feeds, producers, strict=True)
        ]
        try:
            run_feeds(ingestions)
        finally:
            progress.stop()
            for each in ingestions:
                seconds = time.monotonic() - started
                _print_counts(each.producer.counts, seconds, each.feed.name if feeds[1:] else "", _UNITS[kind])
    counts = [producer.counts for producer in producers]
    if not any(each.records_sent for each in counts) and any(each.dead_letters for each in counts):
        raise InvalidInputError("nothing of the input was usable; the reasons are above and in dead_letter")
    if ends and not any(each.records_sent for each in counts):
        raise InvalidInputError(
            f"nothing was sent: the input has no {_UNITS[kind]}, or none of the symbols that were named"
        )


def _progress() -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[sent]}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)


def _observer(progress: Progress, name: str, unit: str, metrics: FeedMetrics | None) -> Observer:
    task = progress.add_task(name, total=None, sent=f"0 {unit}")

    def observe(batch: FeedBatch, counts: Counts) -> None:
        total = None if batch.fraction is None else 1.0
        sent = f"{counts.records_sent:,} {_units(counts, unit)}"
        progress.update(task, total=total, completed=batch.fraction, sent=sent)
        if metrics is not None:
            metrics.observe(name, batch)

    return observe


def _units(counts: Counts, unit: str) -> str:
    """Return what is counted: of a vendor that brings quotes beside its trades or bars, both."""
    has_both = counts.quotes_sent and unit != _UNITS[Kind.QUOTES]
    return f"{unit} and quotes" if has_both else unit


def _print_counts(counts: Counts, seconds: float, name: str, unit: str) -> None:
    sent, acknowledged, unit = counts.records_sent, counts.records_acknowledged, _units(counts, unit)
    rate = sent / seconds if seconds else 0.0
    output.print(
        f"{name}{': ' if name else ''}{sent:,} {unit} sent, {acknowledged:,} acknowledged by Kafka, "
        f"{counts.dead_letters.total():,} dead letters; {seconds:.1f} s, {rate:,.0f} {unit}/s",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for reason, number in counts.dead_letters.most_common():
        remedy = remedy_of(reason, nothing_is_usable=not sent)
        line = f"  {number:,} × {reason}{f' ({remedy})' if remedy else ''}"
        output.print(line, markup=False, highlight=False, soft_wrap=True)
