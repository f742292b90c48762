"""The dashboards that are committed, and the metrics they ask for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mdstream.monitoring.dashboards.generate import generate
from mdstream.telemetry.metrics import ALL_METRICS

CONF = Path(__file__).parents[3] / "conf"
FOLDER = CONF / "grafana" / "dashboards"
_OF_PROMETHEUS = re.compile(r"^(up|process_cpu_seconds_total)$")
_SUFFIX = re.compile(r"_(bucket|sum|count)$")


def dashboards() -> dict[str, dict[str, Any]]:
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))}


def test_what_is_committed_is_what_is_made(tmp_path: Path) -> None:
    generate(tmp_path)
    made = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()}
    assert made == {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()}, (
        "run python -m mdstream.monitoring.dashboards"
    )


@pytest.mark.parametrize("name", ["feeds", "latency", "market", "pipeline"])
def test_panels_lie_beside_each_other_and_say_what_they_mean(name: str) -> None:
    panels = dashboards()[name]["panels"]
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        covered = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not covered & cells, panel["title"]
        assert max(x for x, _ in covered) < 24
        cells |= covered
        assert panel["title"]
        assert panel["description"]
        assert panel["targets"]


def _names(expression: str) -> set[str]:
    """The metrics of an expression: the names that are neither functions, nor labels, nor words of PromQL."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(by|on) \([^)]*\)", " ", expression)
    return {word for word in re.findall(r"\b[a-z_]+\b(?!\s*\()", bare) if word not in {"and", "or", "by", "on", "e"}}


def test_dashboards_and_alerts_ask_for_metrics_that_are_declared() -> None:
    rules = yaml.safe_load((CONF / "prometheus" / "rules.yml").read_text(encoding="utf-8"))
    asked = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    for made in dashboards().values():
        asked += [target["expr"] for panel in made["panels"] for target in panel["targets"] if "expr" in target]
    declared = {metric.name for metric in ALL_METRICS}
    names = set[str]().union(*(_names(expression) for expression in asked))
    assert {"kafka_consumer_lag", "processing_latency_seconds_bucket", "tick_messages_received_total"} <= names
    unknown = {name for name in names if not _OF_PROMETHEUS.match(name) and _SUFFIX.sub("", name) not in declared}
    assert unknown == set()


def test_datasources_are_those_of_the_panels() -> None:
    file = CONF / "grafana" / "provisioning" / "datasources" / "mdstream.yaml"
    provisioned = {
        (source["type"], source["uid"]) for source in yaml.safe_load(file.read_text(encoding="utf-8"))["datasources"]
    }
    used = {
        (panel["datasource"]["type"], panel["datasource"]["uid"])
        for made in dashboards().values()
        for panel in made["panels"]
    }
    assert used == provisioned
