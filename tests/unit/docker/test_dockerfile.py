"""The Dockerfile against the project that it packs."""

from __future__ import annotations

import re
import tomllib

from tests.unit.docker.compose import ROOT

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_extras_are_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = re.search(r"'\.\[([\w,]+)\]'", TEXT)
    assert asked
    # Servers of its own, notebooks, pages and tests are not for containers; the lake is an environment of another
    # Spark. Parts of others come with those.
    without = {"local", "notebook", "lake", "docs", "dev", "commands", "stores"}
    assert set(asked[1].split(",")) == project["optional-dependencies"].keys() - without


def test_the_context_has_what_is_built_and_no_secret() -> None:
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}

    assert rules[1] == "*"
    assert {"mdstream", "jobs", "conf", "constraints.txt", "pyproject.toml", "README.md"} <= let_in
    assert all((ROOT / name).exists() for name in let_in)
    assert ".env" not in let_in


def test_it_runs_without_root_in_the_folder_that_compose_mounts_into() -> None:
    last = TEXT.rpartition("\nFROM ")[2]
    assert re.search(r"^USER (?!root)\w+$", last, re.MULTILINE)
    assert "WORKDIR /srv/mdstream\n" in last
    mounted = re.findall(r":(/srv/mdstream/\w+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert {*mounted} == {f"/srv/mdstream/{name}" for name in ("conf", "checkpoints", "models")}
    assert all(folder in last for folder in mounted)
