"""Bars of real trades, held to the vendor's own bars and to exact arithmetic."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from mdstream.batch import BarsReport, bars_of_file
from mdstream.config.conditions import load_conditions
from mdstream.schemas import BAR, BarWindow
from tests.real_trades import BARS_FILE, TRADE_COUNT, TRADES_FILE, test_data, write_conditions_table, write_ticks
from tests.unit.batch.conftest import Command

pytestmark = pytest.mark.slow

PRICES = ["open", "high", "low", "close"]
WINDOWS = ("1min", "5min")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    assert write_ticks(folder / "ticks.parquet") == TRADE_COUNT
    write_conditions_table(folder / "conditions.csv")
    return folder


@pytest.fixture(scope="module")
def bars_file(spark: SparkSession, folder: Path) -> Path:
    target = folder / "bars.parquet"
    conditions = load_conditions(folder / "conditions.csv")
    windows = [BarWindow.parse(name) for name in WINDOWS]
    report = bars_of_file(spark, folder / "ticks.parquet", target, windows, conditions)
    assert report == BarsReport(TRADE_COUNT, {}, pq.read_metadata(target).num_rows)
    return target


@pytest.fixture(scope="module")
def minutes(bars_file: Path) -> pd.DataFrame:
    """Our minutes beside the vendor's, 09:31 to 15:58 in New York, with `<name>_vendor` and whether they are equal."""
    bars = pd.read_parquet(bars_file)
    vendor = pd.read_parquet(test_data(BARS_FILE))
    vendor["window_start"] = pd.to_datetime(vendor["start_ms"], unit="ms", utc=True).astype(bars["window_start"].dtype)
    ours = bars[bars["window"] == "1min"]
    both = vendor.merge(ours, on=["symbol", "window_start"], how="left", suffixes=("_vendor", ""))
    clock = both["window_start"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    both = both[(clock >= "09:31") & (clock <= "15:58")].copy()
    both["volume_equal"] = both["volume"] == both["volume_vendor"]
    both["prices_equal"] = (both[PRICES].to_numpy() == both[[f"{name}_vendor" for name in PRICES]].to_numpy()).all(1)
    assert isinstance(both, pd.DataFrame)
    return both


def test_every_trade_is_in_one_bar_of_each_window(bars_file: Path) -> None:
    bars = pd.read_parquet(bars_file)
    shares = sum(pq.read_table(test_data(TRADES_FILE), columns=["size"])["size"].to_pylist())
    for window in WINDOWS:
        of_window = bars[bars["window"] == window]
        assert of_window["trade_count"].sum() == TRADE_COUNT
        assert of_window["volume"].sum() == shares
    assert pq.read_schema(bars_file).equals(BAR.schema)


def test_minutes_equal_those_of_the_vendor(minutes: pd.DataFrame) -> None:
    assert len(minutes) == 3_103
    assert minutes["volume_equal"].sum() >= 3_100
    assert minutes["prices_equal"].sum() >= 3_093
    assert (minutes["volume_equal"] & minutes["prices_equal"]).sum() >= 3_090


def test_five_minutes_equal_the_vendors_minutes_rolled_up(minutes: pd.DataFrame, bars_file: Path) -> None:
    minutes = minutes.assign(five=minutes["window_start"].dt.floor("5min"))
    rolled = minutes.groupby(["symbol", "five"]).agg(
        count=("window_start", "size"),
        agree=("prices_equal", "all"),
        volumes_agree=("volume_equal", "all"),
        open=("open_vendor", "first"),
        high=("high_vendor", "max"),
        low=("low_vendor", "min"),
        close=("close_vendor", "last"),
        volume=("volume_vendor", "sum"),
    )
    rolled = rolled[(rolled["count"] == 5) & rolled["agree"]].reset_index()
    # 09:35 to 15:50 are 76 windows of 4 symbols on 2 days; a minute that disagrees or is missing costs one.
    assert len(rolled) >= 76 * 4 * 2 - 12
    bars = pd.read_parquet(bars_file)
    ours = bars[bars["window"] == "5min"].rename(columns={"window_start": "five"})
    both = rolled.merge(ours, on=["symbol", "five"], how="left", suffixes=("", "_ours"))
    for name in PRICES:
        assert (both[name] == both[f"{name}_ours"]).all(), name
    agreed = both[both["volumes_agree"]]
    assert len(agreed) >= len(both) - 3
    assert (agreed["volume"] == agreed["volume_ours"]).all()


@pytest.mark.parametrize("symbol", ["IBM", "BAC"])
def test_vwap_is_that_of_exact_arithmetic(bars_file: Path, symbol: str) -> None:
    columns = ["ts_ms", "price", "size", "cond_hex", "suspicious"]
    trades = pq.read_table(test_data(TRADES_FILE), columns=columns, filters=[("symbol", "==", symbol)])
    eligible: dict[int, list[tuple[int, int]]] = defaultdict(list)
    every: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for ts_ms, price, size, code, suspicious in zip(*(trades[name].to_pylist() for name in columns), strict=True):
        # Prices are whole ten-thousandths of a dollar in the source.
        weighted = (round(price * 10_000) * int(size), int(size))
        every[ts_ms // 60_000].append(weighted)
        if code in {"1", "20000001"} and not suspicious:
            eligible[ts_ms // 60_000].append(weighted)
    bars = pq.read_table(bars_file, filters=[("symbol", "==", symbol), ("window", "==", "1min")]).to_pylist()
    assert len(bars) == len(every)
    for bar in bars:
        minute = int(bar["window_start"].timestamp()) // 60
        notional, size = map(sum, zip(*(eligible[minute] or every[minute]), strict=True))
        assert bar["vwap"] == pytest.approx(float(Fraction(notional, size * 10_000)), rel=1e-14)
        assert bar["volume"] == sum(size for _, size in every[minute])
        assert bar["trade_count"] == len(every[minute])


def test_the_command_gives_the_same_rows(folder: Path, bars_file: Path, bars_command: Command) -> None:
    windows = [argument for name in WINDOWS for argument in ("--window", name)]
    code, said = bars_command(
        "--input",
        str(folder / "ticks.parquet"),
        *windows,
        "--conditions",
        str(folder / "conditions.csv"),
        "--output",
        str(folder / "by_command.parquet"),
    )
    assert code == 0
    assert f"bars of {TRADE_COUNT:,} ticks" in said
    assert "left out" not in said
    assert pq.read_table(folder / "by_command.parquet").equals(pq.read_table(bars_file))
