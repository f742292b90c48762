"""Models as files: whole or not at all, taken up when they are replaced, refused with a reason."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xgboost

from mdstream.errors import ModelError
from mdstream.forecasting.features import FEATURES
from mdstream.forecasting.store import ModelStore, TrainedModel
from mdstream.forecasting.training import train
from tests.unit.forecasting.series import MINUTE, QUICK, autoregressive, random_walk

BARS = autoregressive(600, 0.5)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@cache
def trained() -> TrainedModel:
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(Path(folder))
        train("BTC/USD", BARS, MINUTE, 1, QUICK, store)
        return store.load("BTC/USD", 1)


def put(store: ModelStore, version: str = "first") -> str:
    model, metadata = trained().model, trained().metadata
    store.save(model, metadata.model_copy(update={"version": version}))
    return version


def test_a_model_comes_back_as_it_was_saved(store: ModelStore) -> None:
    metadata = train("BTC/USD", BARS, MINUTE, 1, QUICK, store)
    loaded = store.load("BTC/USD", 1)

    assert loaded.metadata == metadata
    assert (metadata.features, metadata.rows, metadata.window) == (FEATURES, 550, "1min")
    assert metadata.known_until.isoformat() == "2024-05-06T23:30:00+00:00"
    assert metadata.evaluation["scores"]["relative_mae"] == metadata.relative_mae
    assert len(metadata.evaluation["folds"]) == QUICK.folds
    assert sum(metadata.importance.values()) == pytest.approx(1)
    assert max(metadata.importance, key=lambda name: metadata.importance[name]) == "return_1"
    # The file is XGBoost's own.
    booster = xgboost.Booster(model_file=str(store.path_of("BTC/USD", 1).with_name(metadata.booster)))
    assert booster.feature_names == list(FEATURES)


def test_a_replaced_model_is_taken_up_and_its_predecessor_removed(store: ModelStore) -> None:
    assert store.current("BTC/USD", 1) is None
    for version in ("first", "second"):
        put(store, version)
        current = store.current("BTC/USD", 1)
        assert current is not None
        assert current.metadata.version == version
        assert store.current("BTC/USD", 1) is current
    assert len(list(store.path_of("BTC/USD", 1).parent.iterdir())) == 2


def test_a_model_no_better_than_the_last_price_says_so(store: ModelStore, caplog: pytest.LogCaptureFixture) -> None:
    metadata = train("DULL", random_walk(600), MINUTE, 1, QUICK, store)

    assert not metadata.beats_naive
    assert json.loads(store.path_of("DULL", 1).read_text())["beats_naive"] is False
    assert "of DULL, 1 minutes: relative MAE " in caplog.text
    assert caplog.text.count("not better than the last price") == 1


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def set_field(name: str, value: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))

    return change


@pytest.mark.parametrize(
    ("kind", "damage", "reason"),
    [
        ("metadata", Path.unlink, "there is no model .*; `mdstream train` makes it"),
        ("metadata", cut, "damaged or of another release"),
        ("metadata", set_field("format", 2), r"damaged or of another release \(format: "),
        ("metadata", set_field("colour", "red"), r"damaged or of another release \(colour: "),
        ("metadata", set_field("version", "../../elsewhere"), r"damaged or of another release \(version: "),
        ("metadata", set_field("symbol", "ETH/USD"), "it is of ETH/USD, 1 minutes"),
        ("booster", Path.unlink, "ubj cannot be read: No such file"),
        ("booster", cut, "its SHA-256 differs"),
        ("booster", flip, "its SHA-256 differs"),
    ],
)
def test_files_that_cannot_be_used_are_refused_with_the_reason(
    store: ModelStore,
    kind: str,
    damage: Callable[[Path], None],
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    put(store)
    metadata = store.load("BTC/USD", 1).metadata
    path = store.path_of("BTC/USD", 1)
    damage(path if kind == "metadata" else path.with_name(metadata.booster))

    with pytest.raises(ModelError, match=reason):
        store.load("BTC/USD", 1)
    caplog.set_level(logging.INFO)
    caplog.clear()
    assert store.current("BTC/USD", 1) is None
    assert store.current("BTC/USD", 1) is None
    # The reason is said once, and the next good model is taken up.
    assert len(caplog.records) == 1
    assert caplog.records[0].levelname == ("INFO" if damage is Path.unlink and kind == "metadata" else "WARNING")
    version = put(store, "second")
    found = store.current("BTC/USD", 1)
    assert found is not None
    assert found.metadata.version == version


@pytest.mark.parametrize(
    ("names", "reason"),
    [(["price", "colour"], "it was trained on price, colour; expected return_1"), (list(FEATURES), "mdstream_scale")],
)
def test_a_model_of_other_features_is_refused(store: ModelStore, names: list[str], reason: str) -> None:
    """As after a change of the features, or if somebody puts a model of their own there."""
    put(store)
    path = store.path_of("BTC/USD", 1)
    rows = xgboost.DMatrix(np.random.default_rng(1).random((20, len(names))), np.arange(20), feature_names=names)
    content = bytes(xgboost.train({"nthread": 1}, rows, 2).save_raw("ubj"))
    path.with_name(store.load("BTC/USD", 1).metadata.booster).write_bytes(content)
    set_field("sha256", hashlib.sha256(content).hexdigest())(path)

    with pytest.raises(ModelError, match=reason):
        store.load("BTC/USD", 1)


def test_what_is_no_model_of_xgboosts_is_refused(store: ModelStore) -> None:
    put(store)
    path = store.path_of("BTC/USD", 1)
    path.with_name(store.load("BTC/USD", 1).metadata.booster).write_bytes(b"{}")
    set_field("sha256", hashlib.sha256(b"{}").hexdigest())(path)

    with pytest.raises(ModelError, match=r"XGBoost .* cannot read it"):
        store.load("BTC/USD", 1)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(ModelError, match="cannot write the model"):
        put(ModelStore(tmp_path / "models"))


def test_readers_never_see_half_a_model(store: ModelStore, caplog: pytest.LogCaptureFixture) -> None:
    """One thread replaces the model again and again while another reads it."""
    caplog.set_level(logging.ERROR)
    put(store)
    stop = threading.Event()

    def replace() -> None:
        for number in range(60):
            put(store, f"v{number}")
        stop.set()

    writer = threading.Thread(target=replace)
    writer.start()
    seen = set()
    try:
        while not stop.is_set():
            seen.add(store.load("BTC/USD", 1).metadata.version)
    finally:
        writer.join()
    assert len(seen) > 1


def test_a_job_says_at_its_start_which_models_are_no_better_than_the_last_price(
    store: ModelStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store.log_contents()
    assert "there is no model in " in caplog.text
    put(store)
    store.log_contents()
    assert "1 models in " in caplog.text
    assert "each better than the last price" in caplog.text
    model, metadata = trained().model, trained().metadata
    store.save(model, metadata.model_copy(update={"symbol": "DULL", "beats_naive": False}))
    store.path_of("BROKEN", 1).parent.mkdir()
    store.path_of("BROKEN", 1).write_text("{}")
    store.log_contents()
    assert "1 of 2 models in" in caplog.text
    assert "not better than the last price, and their forecasts say so: DULL 1 min" in caplog.text
    assert "1min.json cannot be used: it is damaged or of another release" in caplog.text
