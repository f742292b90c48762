from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and no variable of ours in the environment."""
    for name in os.environ:
        if name.upper().startswith("MDSTREAM_") or name == "SLACK_WEBHOOK_URL":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def conf(project: Path) -> Path:
    """Where the configuration file is looked for; it is not there yet."""
    (project / "conf").mkdir()
    return project / "conf" / "mdstream.yaml"
