"""What a release, a contribution and CI go by: versions, changes, checks and hooks that agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

import mdstream

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
VERSION = mdstream.__version__
_RELEASE = re.compile(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d{2}-\d{2}|not released yet)\)$", re.MULTILINE)
_KINDS = {"Added", "Changed", "Fixed", "Removed"}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_version_has_one_place() -> None:
    assert "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "mdstream.__version__"}


def test_changes_are_by_version_date_and_kind() -> None:
    heads = re.findall(r"^## .*$", CHANGES, re.MULTILINE)
    releases = _RELEASE.findall(CHANGES)
    assert len(releases) == len(heads) > 0
    assert releases[0][0] == VERSION
    # Only what is to be released next can be without a date, and the rest goes back in time.
    dates = [date for _, date in releases if date[0].isdigit()]
    assert len(dates) >= len(releases) - 1
    assert dates == sorted(dates, reverse=True)
    kinds = re.findall(r"^### (.*)$", CHANGES, re.MULTILINE)
    assert set(kinds) <= _KINDS
    assert len(re.findall(r"^- ", CHANGES, re.MULTILINE)) >= len(kinds) > 0


def test_documents_name_this_version_alone() -> None:
    named = {
        version
        for name in (
            "README.md",
            "docker-compose.yml",
            *(str(file.relative_to(ROOT)) for file in ROOT.glob("docs/**/*.md")),
        )
        for version in re.findall(r"mdstream(?:-spark)?[:=]+(\d+\.\d+\.\d+)", text(name))
    }
    assert named == {VERSION}


def checks() -> list[str]:
    recipe = text("Makefile").split("\ncheck:")[1].split("\n\n")[0]
    return re.findall(r"^\t\$\(BIN\)/(.*)$", recipe, re.MULTILINE)


def test_hooks_run_what_make_check_runs() -> None:
    [repository] = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"]
    assert repository["repo"] == "local"
    assert len(checks()) == 4
    assert [hook["entry"].removeprefix(".venv/bin/") for hook in repository["hooks"]] == checks()
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}


def test_the_workflow_runs_what_ci_runs() -> None:
    # YAML reads the key `on` as true.
    workflow = yaml.safe_load(text(".github/workflows/ci.yml"))
    [job] = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step][-1] == ".ci/run"
    assert job["container"].split(":")[1].startswith(PROJECT["project"]["requires-python"].removeprefix(">="))


def test_what_contributors_are_told_to_run_is_there() -> None:
    guide = text("CONTRIBUTING.md")
    targets = set(re.findall(r"^([a-z][a-z-]*):", text("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", guide, re.MULTILINE))
    assert {"setup-dev", "check", "test"} <= named <= targets
    places = re.findall(r"\]\(([^)#]+)", guide) + re.findall(r"`((?:tests|mdstream|docs|conf)/[\w./-]*)`", guide)
    assert len(places) > 10
    assert [place for place in places if not (ROOT / place).exists()] == []
