from __future__ import annotations

import io
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from mdstream.cli import demo as command
from mdstream.demo import DemoOptions, Latency, Snapshot, Summary
from mdstream.demo.processes import feed_arguments

OPENING = datetime(2026, 1, 5, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        (DemoOptions(), f"ingest --feed synthetic --rate 1000 --since {OPENING.isoformat()}"),
        (
            DemoOptions(rate=20.5, symbols="100"),
            f"ingest --feed synthetic --rate 20.5 --since {OPENING.isoformat()} --symbols 100",
        ),
        (DemoOptions(replay=Path("/ticks.csv")), "replay /ticks.csv --speed max"),
        (
            DemoOptions(replay=Path("/ticks.csv"), speed="10x", shift_to_now=True, symbols="SPY,IBM"),
            "replay /ticks.csv --speed 10x --shift now --symbols SPY,IBM",
        ),
    ],
)
def test_feed_is_what_the_options_say(options: DemoOptions, arguments: str) -> None:
    assert feed_arguments(options, OPENING if options.replay is None else None) == arguments.split()


def test_relative_file_is_found_from_any_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert feed_arguments(DemoOptions(replay=Path("ticks.csv")))[1] == str(tmp_path / "ticks.csv")


@pytest.mark.parametrize(
    ("options", "small"),
    [
        (DemoOptions(), True),
        (DemoOptions(symbols="100"), True),
        (DemoOptions(symbols="AAPL,MSFT"), True),
        (DemoOptions(symbols="101"), False),
        (DemoOptions(rate=1001), False),
        (DemoOptions(replay=Path("/ticks.csv"), rate=1), False),
    ],
)
def test_java_has_little_memory_only_where_little_comes(options: DemoOptions, *, small: bool) -> None:
    assert options.is_small is small


def _snapshot(
    time: float, ticks: int, bars: int, latency: Latency | None = None, first_bar: float | None = None
) -> Snapshot:
    return Snapshot(
        time,
        ticks,
        bars,
        dead_letters=7,
        stored_ticks=ticks - 250,
        stored_bars=5,
        ticks_behind=250,
        bars_behind=0,
        latency=latency,
        since_start=Latency(bars=5_000, p50=2.5, p95=20.0, p99=30.0, longest=40.0),
        first_bar=first_bar,
    )


def _printed(monkeypatch: pytest.MonkeyPatch, summary: Summary) -> str:
    console = Console(width=100, record=True, file=io.StringIO())
    monkeypatch.setattr(command, "output", console)
    command._print_summary(summary)
    return console.export_text()


def test_rates_are_differences_over_time() -> None:
    before, now = _snapshot(100.0, 1_000, 3_000), _snapshot(102.5, 3_500, 10_500)
    assert command._rates(before, now) == ("1,000", "3,000")
    assert command._rates(now, now) == ("0", "0")


def test_dashboard_shows_rates_latency_and_what_is_behind() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    latency = Latency(bars=100, p50=1.26, p95=1.84, p99=3.3, longest=9.0)
    recent = deque([_snapshot(10.0, 1_000, 3_000), _snapshot(12.0, 3_000, 9_000, latency, first_bar=-9.0)])
    console.print(command.live_table(recent, Table(), feed_has_ended=False))
    shown = " ".join(console.export_text().split())
    for expected in ("3,000 1,000/s", "9,000 3,000/s", "p50 1.3 ms, p95 1.8 ms, p99 3.3 ms", "2,750 250 behind"):
        assert expected in shown
    assert "p50 2.5 ms, p95 20.0 ms, p99 30.0 ms since the start" in shown


@pytest.mark.parametrize(
    ("latency", "first_bar", "said"),
    [
        (None, None, "waiting for the first bar"),
        (Latency(100, 900.0, 4_000.0, 5_000.0, 6_000.0), 81.0, "warming up"),
        (Latency(100, 1.0, 4.0, 5.0, 6.0), 80.0, "p50 1.0 ms, p95 4.0 ms, p99 5.0 ms"),
        (None, 80.0, "no bar in the last 10 s"),
    ],
)
def test_latency_is_shown_once_it_has_settled(latency: Latency | None, first_bar: float | None, said: str) -> None:
    """Ten seconds behind the first bar, and ten more until these are none of the last ten."""
    assert command._of_last_seconds(_snapshot(100.0, 1, 1, latency, first_bar)) == said


@pytest.mark.parametrize(("load", "said"), [(3.9, False), (7.6, True)])
def test_a_busy_machine_is_said_once_latency_has_settled(
    monkeypatch: pytest.MonkeyPatch, load: float, *, said: bool
) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    texts = []
    for first_bar in (99.0, 10.0):
        console = Console(width=120, record=True, file=io.StringIO())
        recent = deque([_snapshot(100.0, 1, 1, first_bar=first_bar)])
        console.print(command.live_table(recent, Table(), feed_has_ended=False))
        texts.append(console.export_text())
    assert ["a load of 8 on 2 processors" in text for text in texts] == [False, said]


def test_summary_shows_the_bar_that_was_served(monkeypatch: pytest.MonkeyPatch) -> None:
    bar = {"symbol": "ACME", "close": 10.5}
    summary = Summary(60.0, 60_000, 180_000, 0, 60_000, 15, None, bar, "http://127.0.0.1:8000/x")
    shown = _printed(monkeypatch, summary)
    assert "60,000 sent, 60,000 in the database" in shown
    assert "close: 10.5" in shown
    assert "not measured" in shown
