"""Forecasts from bars in the database, by the library and by the commands, and what became of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prometheus_client import CollectorRegistry
from pyspark.sql import SparkSession
from typer.testing import CliRunner

from mdstream.cli.app import app
from mdstream.config import ForecastSettings, Settings, StoreSettings, TimescaleSettings
from mdstream.errors import InvalidInputError, StoreError, StoreUnavailableError
from mdstream.forecasting import PricePredictor
from mdstream.forecasting.store import ModelStore
from mdstream.forecasting.stored import StoredBars
from mdstream.monitoring.monitor import Monitor
from mdstream.schemas import BAR, PREDICTION
from mdstream.schemas.digits import price_text
from mdstream.schemas.wire import to_micros
from mdstream.stores import TimescaleSink
from mdstream.stores.timescaledb import create_schema
from mdstream.stores.timescaledb.realised import RealisedScore, realised_scores
from tests.unit.batch.conftest import KeptSession
from tests.unit.forecasting.series import MINUTE, autoregressive

pytestmark = pytest.mark.servers

_BARS = 400
_MOVES = autoregressive(_BARS, 0.5)


def bar(symbol: str, start: datetime, close: float, volume: float = 100.0) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "window": "1min",
        "window_start": start,
        "window_end": start + timedelta(minutes=1),
        **dict.fromkeys(("open", "high", "low", "close"), close),
        "volume": volume,
        "trade_count": 1,
        "last_event_time": start,
    }


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=BAR.schema)


@pytest.fixture
def minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


@pytest.fixture
def settings(fresh_database: TimescaleSettings, tmp_path: Path) -> Settings:
    create_schema(fresh_database, [BAR, PREDICTION])
    return Settings(
        stores=StoreSettings(timescaledb=fresh_database),
        forecasting=ForecastSettings(models=tmp_path / "models", rounds=20, folds=2, horizons_minutes=(5,)),
    )


@pytest.fixture
def stored(settings: Settings, minute: datetime) -> list[dict[str, Any]]:
    """Bars of AAPL up to the forming one, and one of MSFT."""
    rows = [
        bar("AAPL", minute - timedelta(minutes=_BARS - place), float(close), float(volume))
        for place, (close, volume) in enumerate(zip(_MOVES.close, _MOVES.volume, strict=True))
    ]
    forming = bar("AAPL", minute + timedelta(minutes=1), 1e6)
    alone = bar("MSFT", minute - timedelta(minutes=1), 50.0)
    TimescaleSink(settings.stores.timescaledb, BAR).write(table([*rows, forming, alone]).to_batches()[0])
    return rows


@pytest.fixture
def command(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    database = settings.stores.timescaledb
    for name, value in {
        "STORES__TIMESCALEDB__PORT": database.port,
        "STORES__TIMESCALEDB__USER": database.user,
        "STORES__TIMESCALEDB__DATABASE": database.database,
        "STORES__TIMESCALEDB__PASSWORD": database.password.get_secret_value(),
        "FORECASTING__MODELS": tmp_path / "models",
        "FORECASTING__ROUNDS": 20,
        "FORECASTING__FOLDS": 2,
    }.items():
        monkeypatch.setenv(f"MDSTREAM_{name}", str(value))
    return CliRunner(env={"COLUMNS": "150"})


def test_bars_are_read_in_order_and_only_closed_ones(
    settings: Settings, stored: list[dict[str, Any]], minute: datetime
) -> None:
    bars = StoredBars(settings.stores.timescaledb, MINUTE)

    last = bars.last("AAPL", 3, minute)
    assert last.close.tolist() == [row["close"] for row in stored[-3:]]
    assert last.ends.tolist() == [row["window_end"].replace(tzinfo=None) for row in stored[-3:]]
    assert bars.since("AAPL", minute - timedelta(minutes=2), minute).close.tolist() == last.close.tolist()[1:]
    assert (bars.symbols(minute - timedelta(hours=9)), bars.newest_time(minute)) == (["AAPL", "MSFT"], minute)
    # In the middle of the newest bar that bar is not closed.
    assert bars.newest_time(minute - timedelta(seconds=1)) == minute - timedelta(minutes=1)
    assert bars.last("AAPL", 1, minute - timedelta(seconds=1)).close.tolist() == [stored[-2]["close"]]
    assert len(bars.last("NONE", 3, minute)) == 0


def test_train_predict_and_evaluate_from_the_database(
    settings: Settings, stored: list[dict[str, Any]], minute: datetime, command: CliRunner, tmp_path: Path
) -> None:
    trained = command.invoke(app, ["train", "--minutes", "1", "--minutes", "5"])
    assert trained.exit_code == 0, trained.output
    assert "2 models in" in trained.stderr
    assert trained.stderr.count("not trained: MSFT") == 2
    # The bars end now, so nothing that a model has seen is forecast.
    [known] = {ModelStore(settings.forecasting.models).load("AAPL", h).metadata.known_until for h in (1, 5)}
    assert known == minute

    made = PricePredictor(settings).predict_next_price("AAPL", time_horizon_minutes=5)
    model = ModelStore(settings.forecasting.models).load("AAPL", 5)
    expected = made.last_price * np.exp(model.model.predict(_MOVES.features()[-1:])[0])
    assert (made.lower, made.predicted_price, made.upper) == pytest.approx(tuple(expected))
    assert made.last_price == made.naive_price == stored[-1]["close"]
    assert made.target_time == minute + timedelta(minutes=5)
    assert (made.model_version, made.beats_naive) == (model.metadata.version, model.metadata.beats_naive)
    assert pa.RecordBatch.from_pylist([made.as_row()], schema=PREDICTION.schema).num_rows == 1

    told = command.invoke(app, ["predict", "AAPL", "--minutes", "5", "--json"])
    assert told.exit_code == 0, told.output
    answer = json.loads(told.stdout)
    assert answer["predicted_price"] == made.predicted_price
    assert answer["target_time"] == to_micros(made.target_time)
    shown = command.invoke(app, ["predict", "AAPL"])
    for part in (price_text(made.predicted_price), price_text(made.naive_price), "90% interval", made.model_version):
        assert part in shown.stdout

    evaluated = command.invoke(app, ["evaluate", "--symbols", "AAPL", "--output", str(tmp_path / "report")])
    assert evaluated.exit_code == 0, evaluated.output
    [numbers] = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert (numbers["symbol"], numbers["horizon_minutes"], len(numbers["folds"])) == ("AAPL", 5, 2)
    assert f"{numbers['scores']['relative_mae']:.4f}" in evaluated.stdout
    assert "plotly" in (tmp_path / "report" / "evaluation.html").read_text()


def test_the_same_from_a_file(stored: list[dict[str, Any]], command: CliRunner, tmp_path: Path) -> None:
    pq.write_table(table(stored), tmp_path / "bars.parquet")
    trained = command.invoke(app, ["train", "--input", str(tmp_path / "bars.parquet")])
    assert trained.exit_code == 0, trained.output
    assert ModelStore(tmp_path / "models").load("AAPL", 5).metadata.rows == _BARS - 49 - 5

    missing = command.invoke(app, ["train", "--input", str(tmp_path / "bars.parquet"), "--symbols", "IBM"])
    assert isinstance(missing.exception, InvalidInputError)
    assert "has no bars of IBM, window 1min" in str(missing.exception)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not so")
    bad = command.invoke(app, ["evaluate", "--input", str(tmp_path / "bad.parquet")])
    assert isinstance(bad.exception, InvalidInputError)


@pytest.mark.usefixtures("stored")
def test_sparks_executors_make_the_same_models(
    spark: SparkSession, command: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdstream.streaming.build_session", lambda *_, **__: KeptSession(spark))
    boosters = []
    for options in ([], ["--on-spark"]):
        trained = command.invoke(app, ["train", *options])
        assert trained.exit_code == 0, trained.output
        assert "1 models in" in trained.stderr
        assert "not trained: MSFT, 5 minutes: found 0 samples; expected at least" in trained.stderr
        [booster] = (tmp_path / "models" / "AAPL").glob("*.ubj")
        boosters.append((booster.name, booster.read_bytes()))
    (here, there) = boosters
    assert here[1] == there[1]
    assert here[0] != there[0], "the second run has trained it anew"


@pytest.mark.usefixtures("stored")
def test_without_a_usable_model_the_forecast_is_the_last_price(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    predictor = PricePredictor(settings)
    naive = predictor.predict_next_price("AAPL")
    assert (naive.predicted_price, naive.model_version) == (naive.last_price, "naive")
    assert (naive.lower, naive.upper, naive.relative_mae, naive.beats_naive) == (None, None, None, False)
    assert "there is no usable model; this is the last price" in caplog.text

    path = ModelStore(settings.forecasting.models).path_of("AAPL", 5)
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert predictor.predict_next_price("AAPL").model_version == "naive"
    assert "cannot be used: it is damaged or of another release" in caplog.text


def test_what_is_not_there_is_said(settings: Settings, stored: list[dict[str, Any]]) -> None:
    predictor = PricePredictor(settings)
    with pytest.raises(InvalidInputError, match="there is no closed bar of NONE, window 1min"):
        predictor.predict_next_price("NONE")
    away = settings.stores.timescaledb.model_copy(update={"port": 1})
    with pytest.raises(StoreUnavailableError, match="cannot be used now"):
        PricePredictor(settings.model_copy(update={"stores": StoreSettings(timescaledb=away)})).predict_next_price(
            "AAPL"
        )


def test_without_tables_maintain_is_named(fresh_database: TimescaleSettings) -> None:
    with pytest.raises(StoreError, match="run `mdstream maintain`"):
        StoredBars(fresh_database, MINUTE).last("AAPL", 1, datetime.now(UTC))


def test_forecasts_are_held_to_what_happened(settings: Settings, minute: datetime) -> None:
    database = settings.stores.timescaledb

    def made(target: int, predicted: float, naive: float, **fields: object) -> dict[str, object]:
        target_time = minute + timedelta(minutes=target)
        return {
            "symbol": "AAPL",
            "horizon_minutes": 5,
            "made_at": target_time - timedelta(minutes=5),
            "target_time": target_time,
            "last_price": naive,
            "predicted_price": predicted,
            "lower": predicted - 1,
            "upper": predicted + 1,
            "naive_price": naive,
            "model_version": "one",
            "beats_naive": False,
            "relative_mae": 1.01,
            **fields,
        }

    rows = [
        made(-2, 11.5, 10.0),  # became 12: errors 0.5 and 2, within
        made(-1, 11.0, 12.0),  # became 13: errors 2 and 1, outside
        made(-3, 10.0, 10.0),  # nothing traded in the minute before
        made(5, 10.0, 10.0),  # not yet
        made(-4, 99.0, 10.0, made_at=minute),  # made afterwards
        made(-5, 10.0, 10.0, model_version="naive", relative_mae=None, lower=None, upper=None),
    ]
    TimescaleSink(database, PREDICTION).write(pa.RecordBatch.from_pylist(rows, schema=PREDICTION.schema))
    closes = {-3: 12.0, -2: 13.0, -5: 10.0, -6: 10.0}
    bars = [bar("AAPL", minute + timedelta(minutes=start), close) for start, close in closes.items()]
    TimescaleSink(database, BAR).write(table(bars).to_batches()[0])

    [score] = realised_scores(database, MINUTE, minute - timedelta(days=1), minute)
    assert score == RealisedScore("AAPL", 5, 2, 1.25, 1.5, 0.5)
    assert score.relative_mae == pytest.approx(1.25 / 1.5)

    registry = CollectorRegistry()
    Monitor(settings, registry).measure_forecasts()
    labels = {"symbol": "AAPL", "horizon_minutes": "5"}
    assert registry.get_sample_value("forecast_outcomes", labels) == 2
    assert registry.get_sample_value("forecast_relative_mae", labels) == score.relative_mae


def test_forecasts_are_not_measured_while_the_database_is_away(caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    stores = StoreSettings(timescaledb=TimescaleSettings(port=1, timeout_seconds=1))
    monitor = Monitor(Settings(stores=stores), registry)
    monitor.measure_forecasts()
    monitor.measure_forecasts()
    assert registry.get_sample_value("forecast_outcomes", {"symbol": "AAPL", "horizon_minutes": "5"}) is None
    assert [record.message.partition(":")[0] for record in caplog.records] == ["forecasts cannot be measured now"]
