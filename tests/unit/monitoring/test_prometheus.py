"""Prometheus' own tool on our configuration and alert rules."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

_FOLDER = Path(__file__).parents[3] / "conf" / "prometheus"


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("Prometheus: promtool is not here; the Debian package prometheus brings it")
    return found


def test_the_configuration_can_be_used(promtool: str) -> None:
    checked = subprocess.run([promtool, "check", "config", _FOLDER / "prometheus.yml"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "13 rules found" in checked.stdout


def test_alerts_fire_when_they_should_and_only_then(promtool: str) -> None:
    tested = subprocess.run([promtool, "test", "rules", _FOLDER / "rules_test.yml"], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_a_test_that_it_fires() -> None:
    groups = yaml.safe_load((_FOLDER / "rules.yml").read_text(encoding="utf-8"))["groups"]
    tests = yaml.safe_load((_FOLDER / "rules_test.yml").read_text(encoding="utf-8"))["tests"]
    fire = {each["alertname"] for test in tests for each in test["alert_rule_test"] if each.get("exp_alerts")}
    assert fire == {rule["alert"] for group in groups for rule in group["rules"]}
