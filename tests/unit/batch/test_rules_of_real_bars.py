"""The rules on real trades: cases computed by hand from the vendor's own bars, and a quiet stretch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from mdstream.batch import anomalies_of_file, bars_of_file
from mdstream.config import Settings, load_rules
from mdstream.config.conditions import load_conditions
from mdstream.config.rules import SHIPPED_RULES
from mdstream.schemas import BarWindow
from mdstream.schemas.rules import Rule
from tests.real_trades import BARS_FILE, test_data, write_conditions_table, write_ticks

pytestmark = pytest.mark.slow

SETTINGS = Settings(rules_file=SHIPPED_RULES)

# Within 5 % everything stays on these two days; 2 % a late trade of BAC exceeds.
SMALL_SPIKE = Rule(
    name="small_spike",
    predicate="abs(close - average_close_20) > 0.02 * average_close_20",
    severity="high",
    value="100 * try_divide(close - average_close_20, average_close_20)",
    threshold="2",
    message="{value:.4f} %",
)

Find = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def bars_file(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    write_ticks(folder / "ticks.parquet", symbols=("AIG", "BAC", "IBM"))
    write_conditions_table(folder / "conditions.csv")
    conditions = load_conditions(folder / "conditions.csv")
    bars_of_file(spark, folder / "ticks.parquet", folder / "bars.parquet", [BarWindow.parse("1min")], conditions)
    return folder / "bars.parquet"


@pytest.fixture(scope="module")
def anomalies(spark: SparkSession, bars_file: Path) -> pd.DataFrame:
    rules = (*load_rules(SETTINGS), SMALL_SPIKE)
    found: pd.DataFrame = anomalies_of_file(spark, bars_file, rules, SETTINGS).anomalies.to_pandas()
    assert not found.duplicated(["symbol", "window", "window_start", "rule"]).any()
    return found


@pytest.fixture
def stretch(spark: SparkSession, bars_file: Path, tmp_path: Path) -> Find:
    """Run the shipped rules over a part of one symbol, as if it began there."""

    def find(symbol: str, first: str, last: str) -> list[dict[str, Any]]:
        bars = pq.read_table(
            bars_file,
            filters=[("symbol", "=", symbol), ("window_start", ">=", time(first)), ("window_start", "<=", time(last))],
        )
        pq.write_table(bars, tmp_path / "part.parquet")
        report = anomalies_of_file(spark, tmp_path / "part.parquet", load_rules(SETTINGS), SETTINGS)
        assert report.bars == 15
        return list(report.anomalies.to_pylist())

    return find


def time(text: str) -> pd.Timestamp:
    return pd.Timestamp(f"2013-10-{text}Z")


def of(anomalies: pd.DataFrame, symbol: str, start: str) -> list[tuple[Any, ...]]:
    rows = anomalies[(anomalies["symbol"] == symbol) & (anomalies["window_start"] == time(start))]
    return list(rows[["rule", "severity", "value", "threshold"]].itertuples(index=False, name=None))


def test_volume_spike(anomalies: pd.DataFrame) -> None:
    # The vendor's volumes of the 20 minutes before, 14:35 to 14:54 in New York.
    before = [117_456, 48_406, 119_806, 28_352, 36_662, 37_210, 113_902, 104_208, 16_847, 91_565,
              31_688, 29_229, 110_404, 112_721, 48_098, 42_110, 38_428, 58_588, 34_959, 61_048]  # fmt: skip
    assert sum(before) == 1_281_687
    # The average is 64,084.35; 1,260,291 is 19.7 times as much.
    assert of(anomalies, "BAC", "07 18:55") == [("volume_spike", "high", 1_260_291, pytest.approx(192_253.05))]


def test_volume_spike_of_medium_severity(anomalies: pd.DataFrame) -> None:
    # 305,016 / 20 = 15,250.80; 109,736 is 7.2 times as much.
    found = of(anomalies, "AIG", "08 17:42")
    assert ("volume_spike", "medium", 109_736, pytest.approx(45_752.4)) in found


def test_price_spike_with_a_lower_threshold(anomalies: pd.DataFrame) -> None:
    # 20 closes of 13.79 to 13.81, 276.03 in all, then one trade at 14.12: 14.12 - 13.8015 = 0.3185.
    assert sum([*9 * [13.80], *4 * [13.79], *7 * [13.81]]) == pytest.approx(276.03)
    found = {rule: value for rule, _, value, _ in of(anomalies, "BAC", "07 21:07")}
    assert found["small_spike"] == pytest.approx(100 * 0.3185 / 13.8015)
    assert "price_spike" not in found
    assert len(anomalies[anomalies["rule"] == "price_spike"]) == 0


def test_rsi_oversold(stretch: Find) -> None:
    # Closes in cents from 4910: -1 +1 -3 -4 +2 -1 0 +1 -3 -1 -6 0 -3 -3: gains 4, losses 25.
    (found,) = stretch("AIG", "07 14:23", "07 14:37")

    assert (found["rule"], found["severity"], found["threshold"]) == ("rsi_oversold", "medium", 30.0)
    assert found["value"] == pytest.approx(100 * 4 / 29)
    assert found["message"] == "RSI 13.8 is below 30: oversold"
    assert found["window_start"] == time("07 14:37")


def test_rsi_overbought(stretch: Find) -> None:
    # Closes in cents from 18248: -4 -3 -2 +28 +6 +6 +9 0 +7 +12 -2 +3 -5 +5: gains 76, losses 16.
    (found,) = stretch("IBM", "07 15:26", "07 15:40")

    assert (found["rule"], found["severity"], found["threshold"]) == ("rsi_overbought", "medium", 70.0)
    assert found["value"] == pytest.approx(100 * 76 / 92)
    assert found["message"] == "RSI 82.6 is above 70: overbought"


def test_a_quiet_stretch_has_no_finding(anomalies: pd.DataFrame) -> None:
    first, last = time("07 18:21"), time("07 19:32")
    # It is quiet by the vendor's bars too: no minute has three times the volume of the 20 before it.
    vendor = pd.read_parquet(test_data(BARS_FILE))
    vendor = vendor[vendor["symbol"] == "IBM"].sort_values("start_ms")
    times = pd.to_datetime(vendor["start_ms"], unit="ms", utc=True)
    ratio = (vendor["volume"] / vendor["volume"].shift(1).rolling(20).mean())[times.between(first, last)]
    assert len(ratio) == 72
    assert ratio.max() < 3

    assert anomalies[(anomalies["symbol"] == "IBM") & anomalies["window_start"].between(first, last)].empty


def test_volume_spikes_are_those_that_pandas_finds(anomalies: pd.DataFrame, bars_file: Path) -> None:
    bars = pd.read_parquet(bars_file).sort_values(["symbol", "window_start"])
    average = bars.groupby("symbol")["volume"].transform(lambda volume: volume.shift(1).rolling(20).mean())
    expected = bars[bars["volume"] > 3 * average]
    assert len(expected) > 50

    found = anomalies[anomalies["rule"] == "volume_spike"]
    assert list(zip(found["symbol"], found["window_start"], strict=True)) == list(
        zip(expected["symbol"], expected["window_start"], strict=True)
    )
