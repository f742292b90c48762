"""Writes the dashboards to `conf/grafana/dashboards`, or to the folder that is named."""

from __future__ import annotations

import sys
from pathlib import Path

from mdstream.monitoring.dashboards.generate import generate

_FOLDER = Path("conf/grafana/dashboards")

if __name__ == "__main__":
    generate(Path(sys.argv[1]) if sys.argv[1:] else _FOLDER)
