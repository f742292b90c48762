"""The name that mdstream is installed by: `mdstream` itself is somebody else's package."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

from mdstream.errors import DISTRIBUTION

ROOT = Path(__file__).parents[3]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
# With whatever options between; or the name with extras behind it.
WRONG = re.compile(r"pip install(?: [-\w./]+)*? ['\"]?mdstream(?![-\w/])|(?<![-\w])mdstream\\?\[[a-z]")
EXTRA = re.compile(rf"{DISTRIBUTION}\[([a-z,]+)\]")


def texts() -> dict[str, str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = {}
    for name in filter(None, listed.split("\0")):
        file = ROOT / name
        if file.is_file() and not file.is_symlink():
            found[name] = file.read_bytes().decode(errors="replace")
    return found


def test_the_check_sees_what_is_wrong() -> None:
    name = DISTRIBUTION.partition("-")[0]
    wrong = (
        f"pip install {name}",
        f"pip install '{name}'\n",
        f"pip install --upgrade {name}.",
        f"needs `{name}[delta]`",
    )
    assert all(map(WRONG.search, wrong))
    assert not any(
        map(WRONG.search, (f"pip install {DISTRIBUTION}", f"'{DISTRIBUTION}[delta]'", f"pip install {name}/"))
    )


def test_no_text_names_a_package_of_somebody_else() -> None:
    found = {name: WRONG.findall(text) for name, text in texts().items() if WRONG.search(text)}
    assert not found


def test_extras_that_texts_name_are_there() -> None:
    named = {extra for text in texts().values() for group in EXTRA.findall(text) for extra in group.split(",")}
    assert named
    assert named <= EXTRAS.keys()


def test_extras_that_errors_name_are_there() -> None:
    calls = re.compile(r"(?:brought_by\(|for_extra\([^()]*?, )\"([a-z]+)\"\)")
    named = {extra for name, text in texts().items() if name.startswith("mdstream/") for extra in calls.findall(text)}
    assert {"spark", "jobs", "feeds", "serving", "local"} <= named <= EXTRAS.keys()
