"""The operations guide against what it speaks of: messages, settings, alerts, links."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from zipfile import ZipFile

import pyspark
import pytest
import yaml

from mdstream.config import Settings

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
# In the connector's jar and in Spark's core, which no file of errors lists.
_ELSEWHERE = {
    "Some data may have been lost because they are not available in Kafka any more",
    "Initial job has not accepted any resources",
    "Python worker failed to connect back",
}


def rows(section: str) -> list[list[str]]:
    """The cells of the tables of a section, without their heads."""
    text = GUIDE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if not line.startswith("| ---")]


def literals() -> Iterator[str]:
    """Every text of mdstream's code, with … where values go."""
    for file in (ROOT / "mdstream").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.sub(r"%\.?\d*[sdf]", "…", node.value)


def errors_of_spark() -> str:
    jars = Path(pyspark.__file__).parent / "jars"
    with ZipFile(next(jars.glob("spark-common-utils_*.jar"))) as jar:
        return jar.read("error/error-conditions.json").decode()


def test_messages_are_those_of_the_code() -> None:
    quoted = [message for row in rows("Troubleshooting") for message in re.findall(r"`(.+?)`", row[0])]
    messages = {message for message in quoted if " " in message} - _ELSEWHERE
    codes = {message for message in quoted if re.fullmatch(r"[A-Z_]{20,}", message)}
    assert len(messages) > 14
    assert len(codes) > 5

    said = list(literals())
    unknown = {message for message in messages if not any(message.strip("… ;") in text for text in said)}
    assert unknown == set()
    conditions = errors_of_spark()
    assert {code for code in codes if f'"{code}"' not in conditions} == set()


@pytest.mark.parametrize("row", rows("Tuning")[1:], ids=lambda row: row[0].strip("`"))
def test_defaults_are_those_of_the_settings(row: list[str]) -> None:
    value: object = reduce(getattr, row[0].strip("`").split("."), Settings.model_construct())
    assert row[1].replace(",", "") == str(value).removesuffix(".0")


def test_settings_exist() -> None:
    sections = "kafka|spark|stores|ticks|serving|monitoring|alerts|feeds|forecasting"
    paths = re.findall(rf"`((?:{sections})\.[a-z_.]+)`", GUIDE)
    assert len(paths) > 20
    for path in paths:
        if path.split(".")[1] in {"cores", "authenticate", "driver", "local"}:  # Spark's own
            continue
        reduce(getattr, path.split("."), Settings.model_construct())


def test_every_alert_is_answered() -> None:
    rules = yaml.safe_load((ROOT / "conf/prometheus/rules.yml").read_text(encoding="utf-8"))
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    assert {name for row in rows("Monitoring")[1:] for name in re.findall(r"`(\w+)`", row[0])} == alerts


def test_links_lead_somewhere() -> None:
    heads = {re.sub(r"[^a-z -]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^#+ (.+)$", GUIDE, re.M)}
    targets = re.findall(r"\]\(([^)]+)\)", GUIDE)
    assert len(targets) > 3
    for target in targets:
        assert target[1:] in heads if target.startswith("#") else (ROOT / "docs" / target).exists(), target
