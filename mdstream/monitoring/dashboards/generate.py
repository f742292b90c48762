"""Dashboards as the JSON that Grafana reads."""

from __future__ import annotations

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from mdstream.monitoring.dashboards.market import market
from mdstream.monitoring.dashboards.operation import feeds, latency, pipeline

_DASHBOARDS = {"market": market, "pipeline": pipeline, "latency": latency, "feeds": feeds}


def generate(folder: Path) -> None:
    """Write every dashboard to a file in a folder that is there."""
    for name, made in _DASHBOARDS.items():
        text = JSONEncoder(sort_keys=True, indent=2).encode(made().build())
        (folder / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
