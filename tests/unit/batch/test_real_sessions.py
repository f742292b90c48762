"""Bars of sessions of real trades, held to the vendor's own minutes: 09:30 on, extended hours apart."""

from __future__ import annotations

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from mdstream.config.conditions import load_conditions
from mdstream.transforms import to_bars, to_larger_bars
from tests.real_trades import BARS_FILE, test_data, write_conditions_table, write_ticks

pytest.importorskip("exchange_calendars")
pytestmark = pytest.mark.slow

PRICES = ["open", "high", "low", "close"]
SYMBOLS = ("AIG", "IBM")


@pytest.fixture(scope="module")
def bars(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("sessions")
    write_ticks(folder / "ticks.parquet", symbols=SYMBOLS)
    write_conditions_table(folder / "conditions.csv")
    conditions = load_conditions(folder / "conditions.csv")
    ticks = spark.read.parquet(str(folder / "ticks.parquet"))
    halves = ticks.transform(to_bars, ["30min@XNYS"], conditions, extended=True, keep_sums=True).cache()
    days = halves.transform(to_larger_bars, "30min@XNYS", ["1d@XNYS"], extended=True)
    frame = halves.unionByName(days).drop("sums").toPandas()
    halves.unpersist()
    frame["window_start"] = frame["window_start"].dt.tz_localize("UTC")
    return frame


@pytest.fixture(scope="module")
def vendor() -> pd.DataFrame:
    """The vendor's minutes, by New York's clock."""
    minutes = pd.read_parquet(test_data(BARS_FILE))
    minutes = minutes[minutes["symbol"].isin(SYMBOLS)].sort_values("start_ms")
    minutes["time"] = pd.to_datetime(minutes["start_ms"], unit="ms", utc=True).dt.tz_convert("America/New_York")
    return minutes


def rolled(minutes: pd.DataFrame) -> pd.DataFrame:
    """Half hours of minutes."""
    halves = minutes.assign(window_start=minutes["time"].dt.floor("30min").dt.tz_convert("UTC"))
    prices = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return halves.groupby(["symbol", "window_start"]).agg(prices).reset_index()


def test_half_hours_of_the_session_are_the_vendors(bars: pd.DataFrame, vendor: pd.DataFrame) -> None:
    ours = bars[(bars["window"] == "30min@XNYS") & ~bars["extended"]]
    clock = ours["window_start"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    assert sorted(clock.unique()) == [f"{hour:02}:{minute:02}" for hour in range(9, 16) for minute in (0, 30)][1:]
    assert len(ours) == 13 * len(SYMBOLS) * 2
    both = ours.merge(rolled(vendor), on=["symbol", "window_start"], suffixes=("", "_vendor"))
    # The vendor's 09:30 leaves the official open out, its 15:59 has the closing cross of 16:00 in.
    inner = both[both["window_start"].dt.tz_convert("America/New_York").dt.strftime("%H:%M").between("10:00", "15:00")]
    assert len(inner) == 11 * len(SYMBOLS) * 2
    volumes = inner["volume"] == inner["volume_vendor"]
    prices = (inner[PRICES].to_numpy() == inner[[f"{name}_vendor" for name in PRICES]].to_numpy()).all(1)
    # A minute in a thousand of the vendor's is of rules that are not known; each may spoil one half hour.
    assert (~volumes).sum() <= 1
    assert (~prices).sum() <= 2


def test_extended_hours_are_bars_of_their_own(bars: pd.DataFrame, vendor: pd.DataFrame) -> None:
    ours = bars[(bars["window"] == "30min@XNYS") & bars["extended"]]
    clock = vendor["time"].dt.strftime("%H:%M")
    both = ours.merge(rolled(vendor[(clock < "09:30") | (clock >= "16:30")]), on=["symbol", "window_start"])
    assert len(both) > 20
    assert (both["volume_x"] == both["volume_y"]).sum() >= len(both) - 2
    afternoon = ours["window_start"].dt.tz_convert("America/New_York").dt.strftime("%H:%M").between("09:30", "15:59")
    assert not afternoon.any()


def test_a_day_begins_at_the_open(bars: pd.DataFrame, vendor: pd.DataFrame) -> None:
    days = bars[(bars["window"] == "1d@XNYS") & ~bars["extended"]].sort_values(["symbol", "window_start"])
    starts = days["window_start"].dt.tz_convert("America/New_York").dt.strftime("%m-%d %H:%M")
    assert starts.tolist() == ["10-07 09:30", "10-08 09:30"] * len(SYMBOLS)
    clock = vendor["time"].dt.strftime("%H:%M")
    session = vendor[clock.between("09:31", "15:58")].assign(day=vendor["time"].dt.strftime("%m-%d 09:30"))
    inner = session.groupby(["symbol", "day"]).agg({"high": "max", "low": "min", "volume": "sum"})
    for day, start in zip(days.to_dict("records"), starts, strict=True):
        of_vendor = inner.loc[(day["symbol"], start)]
        assert day["high"] >= of_vendor["high"]
        assert day["low"] <= of_vendor["low"]
        assert day["volume"] > of_vendor["volume"]
