from __future__ import annotations

from pathlib import Path

import pytest

from mdstream.config import LakeSettings
from mdstream.stores.lake import maintain_lake
from tests.unit.stores.lake.appending import TODAY


@pytest.fixture
def lake(tmp_path: Path) -> LakeSettings:
    """A lake with empty tables."""
    settings = LakeSettings(enabled=True, path=str(tmp_path / "lake"), history_days=3)
    maintain_lake(settings, TODAY)
    return settings
