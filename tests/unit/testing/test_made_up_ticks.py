"""Made-up ticks: usable records, in sessions, the same for the same seed."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mdstream.errors import InvalidInputError
from mdstream.feeds.validation import refusal
from mdstream.schemas import TICK
from mdstream.schemas.wire import to_micros
from mdstream.testing import made_up_ticks

FRIDAY = date(2026, 3, 6)
"""Clocks in New York change on the Sunday behind it."""


def of(ticks: pa.Table, symbol: str) -> pa.Table:
    return ticks.filter(pc.equal(ticks["symbol"], symbol))


def seconds(ticks: pa.Table) -> npt.NDArray[np.float64]:
    return np.asarray(ticks["event_time"].cast(pa.int64()).to_numpy() / 1e6)


def at(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]


@pytest.fixture(scope="module")
def weekend() -> pa.Table:
    return made_up_ticks(
        ["AAPL", "BTCUSDT"], FRIDAY, days=4, ticks_a_minute=6, late_share=0.05, cancelled_share=0.02, halts=1
    )


def test_every_tick_is_a_usable_record(weekend: pa.Table) -> None:
    assert weekend.schema == TICK.schema
    for tick in weekend.slice(0, 2000).to_pylist():
        times = {name: to_micros(tick[name]) for name in ("event_time", "ingest_time")}
        assert refusal({**tick, **times}) is None


def test_shares_trade_in_sessions_and_coins_all_the_time(weekend: pa.Table) -> None:
    shares, coins = seconds(of(weekend, "AAPL")), seconds(of(weekend, "BTCUSDT"))
    sessions = [(at(2026, 3, 6, 14, 30), at(2026, 3, 6, 21)), (at(2026, 3, 9, 13, 30), at(2026, 3, 9, 20))]
    late = 600
    within = [(shares >= start - late) & (shares < end) for start, end in sessions]
    assert (within[0] | within[1]).all()
    for inside, (start, end) in zip(within, sessions, strict=True):
        assert np.median(shares[inside]) == pytest.approx((start + end) / 2, abs=1800)
        assert end - shares[inside].max() < 300 + late
    hours = np.unique(coins // 3600)
    assert len(hours) in {95, 96}, "three days of 24 hours and one of 23"


def test_as_many_ticks_as_asked_for(weekend: pa.Table) -> None:
    assert of(weekend, "BTCUSDT").num_rows == pytest.approx(95 * 60 * 6 * (1 - 5 / 1440), rel=0.03)
    assert of(weekend, "AAPL").num_rows == pytest.approx(2 * 390 * 6 * (1 - 5 / 390), rel=0.06)


def test_each_symbol_pauses(weekend: pa.Table) -> None:
    pauses = np.diff(np.sort(seconds(of(weekend, "BTCUSDT"))))
    assert 3 <= np.count_nonzero(pauses > 250) <= 4


def test_shares_of_late_and_cancelled_ticks(weekend: pa.Table) -> None:
    late = [row["conditions"] for row in weekend.select(["conditions"]).to_pylist() if "Z" in row["conditions"]]
    cancelled = [
        row["conditions"] for row in weekend.select(["conditions"]).to_pylist() if "cancel" in row["conditions"]
    ]
    assert len(late) / weekend.num_rows == pytest.approx(0.05, rel=0.2)
    assert len(cancelled) / weekend.num_rows == pytest.approx(0.02, rel=0.25)
    delays = (
        weekend["ingest_time"].cast(pa.int64()).to_numpy() - weekend["event_time"].cast(pa.int64()).to_numpy()
    ) / 1e6
    assert np.count_nonzero(delays > 0.0055) == len(late), "at least 1 ms behind the 5 ms of all"
    assert (np.diff(weekend["ingest_time"].cast(pa.int64()).to_numpy()) >= 0).all()


def test_prices_bounce_and_volume_follows_moves() -> None:
    ticks = made_up_ticks(["KO"], date(2026, 1, 5), ticks_a_minute=120, seed=4)
    changes = np.diff(ticks["price"].to_numpy())
    assert np.corrcoef(changes[1:], changes[:-1])[0, 1] < -0.2, "Roll (1984): a bid-ask bounce shows in that"
    minute = (seconds(ticks) // 60).astype(int)
    begins = np.flatnonzero(np.append(True, minute[1:] != minute[:-1]))
    volume = np.add.reduceat(ticks["size"].to_numpy(), begins)
    close = ticks["price"].to_numpy()[np.append(begins[1:], ticks.num_rows) - 1]
    assert np.corrcoef(volume[1:], np.abs(np.diff(np.log(close))))[0, 1] > 0.1


def test_the_same_seed_makes_the_same_market() -> None:
    def made(seed: int) -> pa.Table:
        return made_up_ticks(["AAPL", "ANY"], date(2026, 1, 5), ticks_a_minute=1, seed=seed)

    assert made(3).equals(made(3))
    assert not made(3).equals(made(4))


def test_a_weekend_without_coins_has_no_ticks() -> None:
    assert made_up_ticks(["AAPL"], date(2026, 3, 7), days=2).num_rows == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"days": 0}, "at least one day"),
        ({"halts": -1}, "no less than no halts"),
        ({"ticks_a_minute": 0.0}, "positive number of ticks a second"),
        ({"symbols": []}, "expected different symbols, found: none"),
        ({"late_share": 2.0}, "between 0 and 1, found 2.0"),
    ],
    ids=str,
)
def test_arguments_that_make_no_market(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        made_up_ticks(**arguments)  # type: ignore[arg-type]
