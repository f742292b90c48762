"""`mdstream demo`: all of it, on servers of its own."""

from __future__ import annotations

import os
import signal
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors, grid_of, output, table_of
from mdstream.config import Settings, load_settings
from mdstream.feeds.extension import Shift

if TYPE_CHECKING:
    from mdstream.demo import Demo, DemoOptions, Latency, Snapshot, Summary

_PLAIN_LINE_SECONDS = 5.0
_RATE_SNAPSHOTS = 6
_INTERRUPTED = 130
_END = "Ctrl-C ends it and leaves nothing behind"
_BUSY = 2.0
"""Processes that want a processor, for each that there is, from which on a machine is busy with other things too."""


def demo(  # one parameter an option
    seconds: Annotated[
        float | None,
        typer.Option(min=1, help="End after so many seconds, with a summary; exit code 1 if no bar was served."),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(exists=True, help="Replay this file of ticks (see `mdstream replay`) instead of made-up ones."),
    ] = None,
    conditions: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="CSV code,open_close,high_low,volume: which trades shape bars."),
    ] = None,
    speed: Annotated[
        str, typer.Option(help="With --replay: `max` without waiting, `1x` as it happened, `10x` ten times faster.")
    ] = "max",
    shift: Annotated[
        Shift | None,
        typer.Option(help="With --replay: `now` moves event times to the present, keeping gaps.", show_default=False),
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="Made-up ticks a second, over all symbols.")] = 1000,
    symbols: Annotated[
        str | None,
        typer.Option(help="Only these, separated by commas; or how many made-up ones, e.g. 100.", show_default=False),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Show mdstream at work: real servers, ticks, live bars, databases, APIs and a dashboard, without Docker.

    Starts Kafka, PostgreSQL, Redis, Spark, the APIs and the dashboard on free ports of this machine, shows rates,
    latencies and addresses, and ends with Ctrl-C. Then nothing is left: no process, no file. The first start fetches
    Kafka and Spark's connector, 100 MB in all.

    For example:

        mdstream demo --seconds 60

        mdstream demo --replay trades.parquet --conditions conditions.csv
    """
    # Imported here so that `mdstream --help` stays quick.
    from mdstream.config.conditions import load_conditions
    from mdstream.demo import DemoOptions

    settings = load_settings(config)
    load_conditions(conditions)
    options = DemoOptions(seconds, replay, speed, shift is Shift.NOW, conditions, symbols, rate, config)
    summary = _run(options, settings)
    _print_summary(summary)
    if summary.served_bar is None:
        errors.print("[bold red]no bar was served[/]")
        raise typer.Exit(1)


def _run(options: DemoOptions, settings: Settings) -> Summary:
    """Run the demo to its end; a signal while bars are shown is its end, at any other time it breaks off."""
    from mdstream.demo import Demo

    # A shell lets what it runs in the background ignore SIGINT, and Python leaves it so. SIGHUP stays as nohup set it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        with Demo(options, settings, _say) as running:
            interrupted = False
            try:
                _show(running)
            except KeyboardInterrupt:
                interrupted = True
                _say("ending when what was sent is stored, after 45 s at most; Ctrl-C again does not wait for that")
            return running.finish(in_a_hurry=interrupted)
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None


def _say(step: str) -> None:
    errors.print(f"[dim]{escape(step)} …[/]", soft_wrap=True)


def _show(running: Demo) -> None:
    """Show what happens until the demo's time is over: a live table on a terminal, else a line now and then."""
    addresses = addresses_of(running)
    if busy := busy_machine():
        errors.print(busy, soft_wrap=True, highlight=False)
    if not output.is_terminal:
        output.print(addresses)
        _print_lines(running)
        return
    recent: deque[Snapshot] = deque(maxlen=_RATE_SNAPSHOTS)
    with Live(console=output, auto_refresh=False) as live:
        for snapshot in running.watch():
            recent.append(snapshot)
            live.update(live_table(recent, addresses, running.feed_has_ended), refresh=True)


def _print_lines(running: Demo) -> None:
    before: Snapshot | None = None
    for snapshot in running.watch():
        bars_begin = before is not None and snapshot.bars and not before.bars
        if before is None or bars_begin or snapshot.time - before.time >= _PLAIN_LINE_SECONDS:
            ticks, bars = _rates(before or snapshot, snapshot)
            output.print(
                f"{snapshot.ticks:,} ticks ({ticks}/s), {snapshot.bars:,} bar updates ({bars}/s), "
                f"stored {snapshot.stored_ticks:,} ticks, {snapshot.stored_bars:,} bars, "
                f"{snapshot.ticks_behind:,} ticks behind; tick to bar {_of_last_seconds(snapshot)}",
                highlight=False,
                soft_wrap=True,
            )
            before = snapshot


def live_table(recent: deque[Snapshot], addresses: Table, feed_has_ended: bool) -> Table:
    """Return what a terminal shows of the demo.

    Args:
        recent: What there was in the last seconds, the newest last.
        addresses: Where its servers are.
        feed_has_ended: Whether the replayed file has come to its end.
    """
    now = recent[-1]
    ticks, bars = _rates(recent[0], now)
    numbers = grid_of(3)
    numbers.add_row("ticks", f"{now.ticks:,}", "the file has ended" if feed_has_ended else f"{ticks}/s")
    numbers.add_row("bar updates", f"{now.bars:,}", f"{bars}/s")
    numbers.add_row("tick to bar", _of_last_seconds(now), "of the last 10 s")
    numbers.add_row("", _milliseconds(now.since_start, "-"), "since the start, without its first 10 s")
    numbers.add_row("ticks stored", f"{now.stored_ticks:,}", f"{now.ticks_behind:,} behind")
    numbers.add_row("bars stored", f"{now.stored_bars:,}", "")
    numbers.add_row("dead letters", f"{now.dead_letters:,}", "")
    dashboard = table_of("mdstream demo")
    busy = "" if now.is_warming_up else busy_machine()
    dashboard.caption = f"{busy}\n{_END}" if busy else _END
    dashboard.add_row(numbers)
    dashboard.add_section()
    dashboard.add_row(addresses)
    return dashboard


def busy_machine() -> str:
    """Return what to say where others want the processors too; empty where they do not."""
    processors = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    if load < _BUSY * processors:
        return ""
    return f"this machine is busy, a load of {load:.0f} on {processors} processors: all takes longer than it need"


def _rates(before: Snapshot, now: Snapshot) -> tuple[str, str]:
    seconds = now.time - before.time
    if not seconds:
        return "0", "0"
    return f"{(now.ticks - before.ticks) / seconds:,.0f}", f"{(now.bars - before.bars) / seconds:,.0f}"


def _of_last_seconds(now: Snapshot) -> str:
    if now.first_bar is None:
        return "waiting for the first bar"
    return "warming up" if now.is_warming_up else _milliseconds(now.latency, "no bar in the last 10 s")


def _milliseconds(latency: Latency | None, otherwise: str) -> str:
    if latency is None:
        return otherwise
    return f"p50 {latency.p50:.1f} ms, p95 {latency.p95:.1f} ms, p99 {latency.p99:.1f} ms"


def addresses_of(running: Demo) -> Table:
    """Return where the demo's servers are."""
    database = running.servers.postgres.settings
    table = grid_of(2)
    without = escape("comes with: pip install 'mdstream-spark[dashboard]'")
    table.add_row("dashboard", _link(running.dashboard_url) if running.dashboard_url else without)
    table.add_row("API", _link(f"http://127.0.0.1:{running.rest_port}/docs"))
    table.add_row("WebSocket", running.websocket_url)
    table.add_row("metrics", _link(f"http://127.0.0.1:{running.rest_port}/metrics"))
    table.add_row("Kafka", running.servers.kafka.bootstrap_servers)
    table.add_row("database", f"postgresql://{database.user}@{database.host}:{database.port}/{database.database}")
    table.add_row("Redis", f"redis://127.0.0.1:{running.servers.redis.port}")
    table.add_row("another terminal", f". {running.environment_file}; mdstream doctor")
    table.add_row()
    for what, line in running.things_to_try:
        table.add_row(what, _link(line) if line.startswith("http") else escape(line))
    return table


def _link(url: str) -> str:
    """Return an address that a terminal opens when it is clicked, also where it goes on in the next line."""
    return f"[link={url}]{escape(url)}[/link]"


def _print_summary(summary: Summary) -> None:
    table = grid_of(2)
    table.title, table.title_justify = "what the demo saw", "left"
    table.add_row("time", f"{summary.seconds:.0f} s")
    table.add_row("ticks", f"{summary.ticks:,} sent, {summary.stored_ticks:,} in the database")
    table.add_row("bars", f"{summary.bars:,} updates, {summary.stored_bars:,} in the database")
    table.add_row("tick to bar", _milliseconds(summary.latency, "not measured: all ticks came at once"))
    table.add_row("dead letters", f"{summary.dead_letters:,}")
    table.add_row("REST API", summary.served_from)
    for name, value in (summary.served_bar or {}).items():
        table.add_row("", f"{name}: {value}")
    output.print(table)
