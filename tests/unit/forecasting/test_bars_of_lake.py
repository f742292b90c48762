"""Closed bars of the lake, as models learn from them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mdstream.cli.app import app
from mdstream.config import ForecastSettings, LakeSettings, Settings, StoreSettings
from mdstream.errors import InvalidInputError
from mdstream.forecasting.stored import LearningBars, bars_of_lake
from mdstream.schemas import BAR, BarWindow
from mdstream.stores.lake import maintain_lake
from tests.unit.stores.lake.appending import TODAY, append
from tests.unit.stores.rows import START, bar

_MINUTE = BarWindow("1min", 60)
_DAY = 1_440
"""Minutes of a day."""


@pytest.fixture
def lake(tmp_path: Path) -> LakeSettings:
    settings = LakeSettings(path=str(tmp_path / "lake"))
    maintain_lake(settings, TODAY)
    return settings


def test_the_last_days_of_closed_bars_of_one_window(lake: LakeSettings) -> None:
    now = START + timedelta(days=9, minutes=2, seconds=30)
    append(
        lake,
        BAR,
        *(bar(minute=minute, close=1.0 + minute) for minute in (1, 0, 2 * _DAY, 9 * _DAY, 9 * _DAY + 1)),
        bar(minute=9 * _DAY + 2, close=-1.0),  # it is not over
        bar(minute=9 * _DAY, window="5min", close=-1.0),
        bar("MSFT", minute=9 * _DAY, close=5.0),
    )
    found = bars_of_lake(lake, _MINUTE, 30, now)
    assert {symbol: list(bars.close) for symbol, bars in found.items()} == {
        "AAPL": [1.0, 2.0, 2.0 * _DAY + 1, 9.0 * _DAY + 1, 9.0 * _DAY + 2],
        "MSFT": [5.0],
    }
    assert found["MSFT"].ends.tolist() == [datetime(2024, 5, 15, 13, 31)]  # noqa: DTZ001
    assert found["MSFT"].volume.tolist() == [100.0]
    # Eight days before the newest bar's end at 13:32.
    assert list(bars_of_lake(lake, _MINUTE, 8, now)["AAPL"].close) == [2.0 * _DAY + 1, 9.0 * _DAY + 1, 9.0 * _DAY + 2]
    assert list(bars_of_lake(lake, _MINUTE, 7, now)["AAPL"].close) == [9.0 * _DAY + 1, 9.0 * _DAY + 2]


def test_models_learn_from_the_lake_alone(lake: LakeSettings) -> None:
    settings = Settings(stores=StoreSettings(lake=lake), forecasting=ForecastSettings(training_days=10))
    with pytest.raises(InvalidInputError, match="the lake has no bars of any symbol"):
        LearningBars(settings, None, from_lake=True)
    append(lake, BAR, bar(close=3.0), bar("MSFT", close=4.0))
    bars = LearningBars(settings, None, from_lake=True)
    assert bars.symbols == ("AAPL", "MSFT")
    assert list(bars.of("MSFT").close) == [4.0]
    with pytest.raises(InvalidInputError, match="no bars of TSLA"):
        LearningBars(settings, None, symbols=["TSLA"], from_lake=True)


def test_bars_are_in_one_place(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["train", "--from-lake", "--input", str(tmp_path / "bars.parquet")])
    assert isinstance(said.exception, InvalidInputError)
    assert "--input and --from-lake" in str(said.exception)
