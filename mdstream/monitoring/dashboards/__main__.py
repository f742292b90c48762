"""Writes the dashboards to `conf/grafana/dashboards`, or to the folder that is named."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from mdstream.errors import MissingDependencyError

_FOLDER = Path("conf/grafana/dashboards")

if __name__ == "__main__":
    if importlib.util.find_spec("grafana_foundation_sdk") is None:
        raise MissingDependencyError.for_extra("grafana-foundation-sdk", "dev")
    from mdstream.monitoring.dashboards.generate import generate

    generate(Path(sys.argv[1]) if sys.argv[1:] else _FOLDER)
