"""Every table fits a terminal of 80 columns, and nothing in it is cut off."""

from __future__ import annotations

import re
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pyarrow as pa
import pytest
from rich.console import Console, RenderableType

from mdstream.cli import console, demo, doctor, evaluate, rules, topics, train
from mdstream.cli.console import grid_of
from mdstream.demo.meter import Snapshot
from mdstream.forecasting.scores import Scores
from mdstream.forecasting.statistics import Accuracy, Test
from mdstream.forecasting.store import ModelMetadata
from mdstream.kafka.topics import TopicState
from mdstream.monitoring.findings import Finding
from mdstream.schemas.rules import Rule

SYMBOL = "SPXW  240506C05100000"
LONG = "/var/lib/a/folder/whose/name/is/longer/than/a/terminal/is/wide/" + "x" * 60
SHARE, TEST = Accuracy(0.512, 0.498, 0.526, 1234), Test(-12.34, 0.001)
SCORES = Scores(
    rows=1_234_567, mae=1, naive_mae=1, relative_mae=1.0123, rmse=1, naive_rmse=1, relative_rmse=1.0234, mase=1.234,
    naive_mase=1.222, r2=-0.1234, direction=SHARE, always_up=SHARE, same_as_last=SHARE, opposite_of_last=SHARE,
    unmoved=0.12, coverage=0.912, interval_width=1, diebold_mariano=TEST, diebold_mariano_squared=TEST,
    pesaran_timmermann=TEST,
)  # fmt: skip
RULE = Rule("volume_spike", "volume > 1", "critical", "a spike", "volume")
FOUND = {
    "rule": RULE.name, "severity": "critical", "symbol": SYMBOL, "window": "15min",
    "window_start": datetime(2026, 1, 5, 14, 30, tzinfo=UTC), "message": f"a spike of 1,234,567 in {SYMBOL}",
}  # fmt: skip


def tick_numbers() -> RenderableType:
    now = Snapshot(9.0, 123_456_789, 123_456_789, 1, 123_456_789, 1_234_567, 12_345, 123_456, None)
    addresses = grid_of(2)
    addresses.add_row("another terminal", f". {LONG}; mdstream doctor")
    return demo.live_table(deque([now, now]), addresses, feed_has_ended=True)


def train_table() -> RenderableType:
    table = train._table()
    made = SimpleNamespace(rows=1_234_567, bars=1_234_567, relative_mae=1.0123, beats_naive=False)
    table.add_row(*train._row(SYMBOL, 15, cast("ModelMetadata", made)))
    return table


def topics_table() -> RenderableType:
    offsets = dict.fromkeys(range(32), (0, 1543209))
    state = TopicState("technical_indicators", 32, 3, offsets)
    return topics._table([(state.name, state), ("anomalies", None)])


TABLES = {
    "evaluate": (evaluate._table(SYMBOL, 15, SCORES), ["always up 0.512 ±0.014", "DM² -12.34 (0.001)", "R²   -0.1234"]),
    "rules": (rules._counts(pa.Table.from_pylist([FOUND]), [RULE]), [RULE.name, "critical"]),
    "examples": (rules._examples(pa.Table.from_pylist([FOUND]), [RULE], 1), [SYMBOL, "2026-01-05 14:30:00"]),
    "doctor": (
        doctor._table([Finding("database", LONG, False, "18.1 of something", fixes=(f"mkdir -p {LONG}",))]),
        ["not reachable", "database"],
    ),
    "demo": (tick_numbers(), ["123,456,789", "12,345 behind", "waiting for the first bar"]),
    "train": (train_table(), [SYMBOL, "1,234,567", "not better"]),
    "topics": (topics_table(), ["technical_indicators", "49,382,688"]),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_a_table_fits_80_columns_with_all_that_is_in_it(name: str) -> None:
    table, expected = TABLES[name]
    terminal = Console(width=80, force_terminal=False)
    with terminal.capture() as captured:
        terminal.print(table)
    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in captured.get()
    for text in expected:
        assert any(text in line for line in lines), f"{text} is not in one line"


def test_no_command_has_a_table_of_its_own_kind() -> None:
    folder = Path(console.__file__).parent
    own = [file.name for file in folder.glob("*.py") if re.search(r"\bTable\(", file.read_text(encoding="utf-8"))]
    assert own == ["console.py"]
