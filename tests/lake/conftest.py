from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from mdstream.config import LakeSettings, Settings, SparkSettings, StoreSettings
from mdstream.stores.lake import maintain_lake
from tests.unit.stores.lake.appending import TODAY


@pytest.fixture(autouse=True)
def _environment() -> None:
    if importlib.util.find_spec("delta") is None:
        pytest.skip("Delta Lake: delta-spark is not in this environment; `make test-lake` makes one")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A lake with empty tables, written to as fast as can be."""
    lake = LakeSettings(enabled=True, path=str(tmp_path / "lake"), trigger="0 seconds")
    maintain_lake(lake, TODAY)
    return Settings(
        spark=SparkSettings(checkpoint_location=str(tmp_path / "checkpoints")), stores=StoreSettings(lake=lake)
    )
