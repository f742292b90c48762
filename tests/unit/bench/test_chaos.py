"""The part of `bench.chaos` that judges: right results pass, and each planted fault is found."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from bench.chaos.analysis import could_be_found, findings_of, holding, indicators_of
from bench.chaos.checks import (
    check_bars,
    check_dead_letters,
    check_indicators,
    check_revisions,
    check_stored_ticks,
    check_topic,
    values_of,
)
from bench.chaos.model import SECOND, BarValues, ModelSeries, Trade, model_of
from bench.chaos.schedule import JOBS, Kind, schedule
from bench.chaos.slack import Post
from bench.chaos.ticks import PRICE_STEPS, SIZE_STEPS, Tape
from bench.chaos.told import check_alerts, check_findings, check_stored_findings
from bench.chaos.violations import Violation, summary
from bench.chaos.watch import Memory

WINDOWS = {"5s": 5}
Row = dict[str, Any]


def trade(offset: int, seconds: float, price: float, size: float = 1.0, **changes: object) -> Trade:
    time = int(seconds * SECOND)
    whole: dict[str, Any] = {"sequence": None, "counts": True, "ingest_time": time + 1, **changes}
    return Trade(0, offset, "A", price, size, event_time=time, **whole)


# Out of order, one of two at a time, one cancelled; the last closes the bar.
TRADES = [
    trade(0, 2.0, 10.0, 2.0),
    trade(1, 1.0, 12.0, 1.0),
    trade(2, 4.0, 11.0, 1.0),
    trade(3, 4.5, 99.0, 9.0, counts=False),
    trade(4, 4.0, 9.0, 4.0),
    trade(5, 6.0, 20.0, 1.0),
]
BAR = ("A", "5s", 0)


def model_series() -> ModelSeries:
    return model_of(TRADES, WINDOWS)["A", "5s"]


def bar_row(start: int, values: BarValues) -> Row:
    return {"symbol": "A", "window": "5s", "window_start": start, **values._asdict()}


def bar_rows() -> list[Row]:
    return [bar_row(start, bar.final) for start, bar in model_series().bars.items()]


def kinds(violations: list[Violation]) -> list[str]:
    return [violation.kind for violation in violations]


def test_the_model_is_what_the_hand_computes() -> None:
    *_, three, four = model_series().bars[0].revisions()

    # (10 x 2 + 12 x 1 + 11 x 1) / 4, and with 9 x 4: 79 / 8
    assert three == BarValues(12.0, 12.0, 10.0, 11.0, 4.0, 10.75, 3, 4 * SECOND, 4 * SECOND + 1)
    assert four == BarValues(12.0, 12.0, 9.0, 9.0, 8.0, 9.875, 4, 4 * SECOND, 4 * SECOND + 1)
    assert model_series().starts == [0, 5 * SECOND]


def test_of_trades_of_one_time_the_sequence_decides() -> None:
    trades = [trade(0, 1.0, 10.0, sequence=2), trade(1, 1.0, 11.0, sequence=1)]
    final = model_of(trades, WINDOWS)["A", "5s"].bars[0].final
    assert (final.open, final.close) == (11.0, 10.0)


def test_late_trades_are_known_behind_the_close_alone() -> None:
    early = model_of([trade(0, 6.0, 1.0), trade(1, 1.0, 1.0), trade(2, 11.0, 1.0)], WINDOWS)["A", "5s"]
    assert not early.is_changed_late(5 * SECOND)
    late = model_of([trade(0, 6.0, 1.0), trade(1, 11.0, 1.0), trade(2, 1.0, 1.0)], WINDOWS)["A", "5s"]
    assert late.is_changed_late(5 * SECOND)
    assert not late.is_changed_late(10 * SECOND)


def test_right_results_pass() -> None:
    model = model_of(TRADES, WINDOWS)
    stored = [(each.partition, each.offset, "A", each.price, each.size, each.event_time) for each in TRADES]
    assert check_stored_ticks(TRADES, stored) == []
    assert check_bars(model, bar_rows(), "table") == []
    assert check_revisions(model, [bar_row(0, values) for values in model_series().bars[0].revisions()]) == []
    assert check_topic({(0, 0): b"a"}, [((0, 0), b"a")]) == []


def test_a_dropped_and_a_doubled_tick_are_found_where_they_are_stored() -> None:
    stored = [(each.partition, each.offset, "A", each.price, each.size, each.event_time) for each in TRADES]
    assert kinds(check_stored_ticks(TRADES, stored[1:])) == ["lost"]
    assert kinds(check_stored_ticks(TRADES, [*stored, stored[0]])) == ["doubled"]
    assert kinds(check_stored_ticks(TRADES, [*stored, (0, 9, *stored[0][2:])])) == ["doubled"]
    assert kinds(check_stored_ticks(TRADES, [(0, 0, "A", 10.5, 2.0, 2 * SECOND), *stored[1:]])) == ["wrong"]
    assert kinds(check_topic({(0, 0): b"a"}, [])) == ["lost"]
    assert kinds(check_topic({}, [((0, 0), b"a")])) == ["doubled"]
    assert kinds(check_topic({(0, 0): b"a"}, [((0, 0), b"b")])) == ["wrong"]


@pytest.mark.parametrize(
    ("applied", "kind"),
    [
        pytest.param(TRADES[1:], "lost", id="dropped"),
        pytest.param([*TRADES[:1], *TRADES], "doubled", id="applied twice"),
        pytest.param([trade(0, 2.0, 10.0, 3.0), *TRADES[1:]], "wrong", id="another size"),
    ],
)
def test_what_was_done_to_a_bar_is_found(applied: list[Trade], kind: str) -> None:
    model = model_of(TRADES, WINDOWS)
    bars = model_of(applied, WINDOWS)["A", "5s"].bars
    rows = [bar_row(start, bar.final) for start, bar in bars.items()]
    assert kinds(check_bars(model, rows, "table")) == [kind]
    assert kinds(check_bars(model, rows[:1], "table")) == [kind, "lost"]
    assert "wrong" in kinds(check_revisions(model, rows))


def test_a_bar_that_goes_back_is_seen() -> None:
    memory = Memory("WebSocket")
    memory.see_all([("A", (3,)), ("B", (1,)), ("A", (4,))])
    memory.see("A", (4,))
    assert memory.back == []
    memory.see("A", (3,))
    assert memory.back == [Violation("back", "WebSocket: A went from 4 to 3")]
    memory.forget_all_but(["B"])
    memory.see("A", (1,))
    assert len(memory.back) == 1


def steady(count: int, *last: tuple[float, float]) -> list[Trade]:
    """A trade of each window, up and down a bit, then some of others' prices and sizes."""
    usual = [trade(number, 5.0 * number, 100.0 + number % 2, 2.0) for number in range(count)]
    return usual + [trade(count + n, 5.0 * (count + n), *values) for n, values in enumerate(last)]


def test_indicators_are_held_to_the_last_bit() -> None:
    model = model_of(steady(22), WINDOWS)
    series = model["A", "5s"]
    expected = {("A", "5s", start): values for start, values in indicators_of(series).items()}
    assert expected["A", "5s", 19 * 5 * SECOND]["sma_20"] == 100.5
    assert "sma_20" not in expected["A", "5s", 18 * 5 * SECOND]
    rows = [
        {"symbol": "A", "window": "5s", "window_start": start, "trade_count": 1, **expected["A", "5s", start]}
        for start in series.closed
    ]
    assert check_indicators(model, expected, rows, "table") == []
    assert kinds(check_indicators(model, expected, rows[1:], "table")) == ["lost"]
    assert kinds(check_indicators(model, expected, [rows[0] | {"trade_count": 2}, *rows[1:]], "table")) == ["doubled"]
    wrong = rows[-1] | {"sma_20": 100.5 + 2**-40}
    assert kinds(check_indicators(model, expected, [*rows[:-1], wrong], "table")) == ["wrong"]


def told(**changes: object) -> Row:
    row = {"symbol": "A", "window": "5s", "window_start": 20 * 5 * SECOND, "rule": "price_spike", "severity": "high"}
    return row | {"trade_count": 1, "detected_time": 1_000 * SECOND} | changes


def of_findings(*records: Row, trades: list[Trade] | None = None, starts: tuple[float, ...] = ()) -> list[str]:
    model = model_of(trades or steady(20, (107.0, 2.0), (100.0, 2.0)), WINDOWS)
    return kinds(check_findings(model, holding(model), records, starts))


def test_findings_are_those_of_the_shipped_rules() -> None:
    prices = [100.0, 101.0] * 10
    # 100.5 is the average: 7 % and 11 % away, four times and as much of the usual volume. Of the RSI's 14 bars gains
    # are (13 x 0.5 + 11) / 14 in the second case, losses 13 x 0.5 / 14: 72.9.
    assert findings_of([*prices, 107.535], [2.0] * 20 + [8.0]) == {"price_spike": "high", "volume_spike": "low"}
    assert findings_of([*prices, 112.0], [2.0] * 21) == {"price_spike": "critical", "rsi_overbought": "low"}
    assert findings_of([*prices, 102.0], [2.0] * 21) == {}
    assert findings_of(prices, [2.0] * 20) == {}
    assert findings_of([float(price) for price in range(100, 116)], [1.0] * 16) == {"rsi_overbought": "high"}
    assert findings_of([*prices, 100.0], [2.0] * 20 + [6.0]) is None


def test_a_finding_is_told_once() -> None:
    assert of_findings(told()) == []
    assert of_findings() == ["lost"]
    assert of_findings(told(withdrawn=True)) == ["lost"]
    assert of_findings(told(severity="low")) == ["lost", "wrong"]
    again = told(detected_time=1_010 * SECOND)
    assert of_findings(told(), again) == ["doubled"]
    assert of_findings(told(), again, starts=(1_005.0,)) == []
    assert of_findings(told(), told(window_start=15 * 5 * SECOND)) == ["wrong"]


def test_what_late_trades_undo_is_withdrawn() -> None:
    # A later trade within the closed bar, at the usual price.
    trades = [*steady(20, (107.0, 2.0), (100.0, 2.0)), trade(22, 5.0 * 20 + 1, 101.0)]
    assert could_be_found(model_of(trades, WINDOWS)["A", "5s"], 100 * SECOND, 1, "price_spike", "high")
    assert of_findings(told(), trades=trades) == ["wrong"]
    undone = told(withdrawn=True, trade_count=2, detected_time=1_001 * SECOND)
    assert of_findings(told(), undone, trades=trades) == []
    # By late trades of the bars before, while its own are as many as they were.
    assert of_findings(told(), undone | {"trade_count": 1}, trades=trades) == []


def test_the_table_of_findings_has_the_newest_of_each() -> None:
    key = ("A", "5s", 100 * SECOND, "price_spike")
    graver = told(severity="critical", trade_count=2)
    assert check_stored_findings([told(), graver], {key: graver | {"withdrawn": None}}) == []
    assert kinds(check_stored_findings([told(), graver], {key: told(withdrawn=None)})) == ["wrong"]
    assert kinds(check_stored_findings([told()], {})) == ["lost"]
    assert kinds(check_stored_findings([], {key: told()})) == ["doubled"]


def test_alerts_come_at_least_once_and_not_within_the_cooldown() -> None:
    first, second = Post(1_001.0, "A", "price_spike"), Post(1_030.0, "A", "price_spike")
    assert check_alerts([told()], [first], 60, []) == []
    assert check_alerts([told(severity="low"), told(withdrawn=True)], [], 60, []) == []
    assert kinds(check_alerts([told()], [], 60, [])) == ["lost"]
    assert kinds(check_alerts([told(detected_time=1_100 * SECOND)], [first], 60, [])) == ["lost"]
    assert kinds(check_alerts([told()], [first, second], 60, [])) == ["doubled"]
    assert check_alerts([told()], [first, second], 60, [(1_000.0, 1_002.0)]) == []


def test_each_dead_letter_comes_with_its_reason() -> None:
    letter = {"payload": "[1]", "reason": "price not positive: -1.5"}
    assert check_dead_letters({"[1]": "price not positive"}, [letter, letter]) == []
    assert kinds(check_dead_letters({"[1]": "price missing"}, [letter])) == ["wrong"]
    assert kinds(check_dead_letters({"[1]": "price missing"}, [])) == ["lost"]
    assert kinds(check_dead_letters({}, [letter])) == ["wrong"]


def test_the_last_line_counts() -> None:
    found = [Violation("lost", "a"), Violation("back", "b"), Violation("lost", "c")]
    assert summary(7, 100, found) == "faults 7, ticks 100, lost 2, doubled 0, back 1, wrong 0"


def test_a_seed_says_what_happens() -> None:
    assert list(islice(schedule(3), 50)) == list(islice(schedule(3), 50))
    assert list(islice(schedule(3), 50)) != list(islice(schedule(4), 50))
    faults = list(islice(schedule(3), 500))
    assert {fault.kind for fault in faults} == set(Kind)
    assert {fault.target for fault in faults} >= {JOBS, "kafka", "postgres", "redis", "api", "websocket", "alerts"}
    assert [Tape(3, 5).next(number) for number in range(9)] == [Tape(3, 5).next(number) for number in range(9)]


def test_the_tape_has_all_that_a_bad_day_brings() -> None:
    hour = 3_600 * SECOND
    tape = Tape(1, 4)
    drafts = [draft for number in range(20_000) for draft in tape.next(9 * hour + number)]
    ticks = [draft.tick for draft in drafts if draft.tick is not None]
    codes = {code for tick in ticks for code in tick.get("conditions", ())}
    assert codes == {"@", "cancel", "correction:1", "correction:12"}
    assert any(tick["event_time"] < tick["ingest_time"] - hour for tick in ticks)
    assert len({tick["trade_id"] for tick in ticks}) < len(ticks)
    assert len({draft.reason for draft in drafts}) == 7
    assert all((tick["price"] * PRICE_STEPS).is_integer() and tick["price"] > 0 for tick in ticks)
    assert all((tick["size"] * SIZE_STEPS).is_integer() for tick in ticks)
    assert {draft.key for draft in tape.last(0)} == {"S00", "S01", "S02", "S03"}


def test_values_are_read_from_records() -> None:
    row = bar_rows()[0]
    assert values_of(row) == model_series().bars[0].final
