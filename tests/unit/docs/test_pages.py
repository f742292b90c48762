"""README and pages: what they tell to type is there, links lead somewhere, and the README stays short."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from mdstream.cli.app import app
from tests.unit.docs.pages import PAGES, ROOT, command_lines

_VARIABLES = re.compile(r"^(?:[A-Z_]+=\S+ )+")
_MDSTREAM = re.compile(r"^(?:\.venv(?:-lake)?/bin/)?mdstream (?!COMMAND)(\S.*)$")
_MADE = re.compile(r"(?:^|&& )make (?:--jobs \d |PYTHON=\S+ )*([a-z][a-z -]*[a-z])")
_HANDED_ON = {"demo": ("demo",), "producer": ("ingest",), "consumer": ("run",)}
_SAID_OF_ALL = {"--help", "--version", "-v", "-vv", "--log-format"}


def told(pattern: re.Pattern[str]) -> Iterator[tuple[str, str, re.Match[str]]]:
    for page in PAGES:
        for line in command_lines(page):
            for found in pattern.finditer(_VARIABLES.sub("", line)):
                yield page, line, found


def unknown_in(words: list[str]) -> list[str]:
    """What of a command line of mdstream is none of its commands and options."""
    command: Any = typer.main.get_command(app)
    while (inner := getattr(command, "commands", None)) is not None and words and not words[0].startswith("-"):
        if words[0] not in inner:
            return [words[0]]
        command, words = inner[words[0]], words[1:]
    options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | _SAID_OF_ALL
    return [word for word in words if word.startswith("-") and word.partition("=")[0] not in options]


def test_the_check_sees_what_is_wrong() -> None:
    assert unknown_in(["rules", "tset"]) == ["tset"]
    assert unknown_in(["bars", "--inptu", "a", "--output=b"]) == ["--inptu"]
    assert not unknown_in(["rules", "test", "--input", "bars.parquet"])


def test_commands_of_mdstream_and_their_options_exist() -> None:
    found = list(told(_MDSTREAM))
    assert len({line for _, line, _ in found}) > 60
    wrong = {}
    for page, line, match in found:
        # What an ellipsis stands for, or follows, is not spelt out.
        words = shlex.split(match.group(1).replace("…", "").replace("...", "").rstrip("&"))
        if unknown := unknown_in(words):
            wrong[f"{page}: {line}"] = unknown
    assert wrong == {}


def test_targets_of_make_exist_with_what_is_handed_on() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    found = [(page, line, target) for page, line, match in told(_MADE) for target in match.group(1).split()]
    assert len({target for _, _, target in found}) > 10
    assert [each for each in found if each[-1] not in targets] == []

    wrong = {}
    for page, line, target in found:
        given = re.search(r'ARGS="([^"]*)"', line)
        if given is not None and target in _HANDED_ON:
            unknown = unknown_in([*_HANDED_ON[target], *shlex.split(given.group(1))])
            if unknown:
                wrong[f"{page}: {line}"] = unknown
    assert wrong == {}


def test_benchmarks_that_are_named_have_the_options_that_they_are_given() -> None:
    found = list(told(re.compile(r"^(?:\S*/)?python -m (bench\.\w+|mdstream\.[\w.]+|docs\.\w+)(.*)$")))
    assert len(found) > 10
    for page, line, match in found:
        name, rest = match.groups()
        spec = importlib.util.find_spec(name)
        assert spec is not None, f"{page}: {line}"
        texts = [file.read_text(encoding="utf-8") for file in (ROOT / "bench").glob("*.py")]
        for option in re.findall(r"--[a-z-]+", rest):
            assert any(f'"{option}"' in text for text in texts), f"{page}: {line}"


def test_files_that_are_named_are_there() -> None:
    folders = "tests|mdstream|docs|conf|bench|notebooks|ci|docker"
    named = {
        (page, place)
        for page, text in PAGES.items()
        for place in re.findall(rf"`((?:{folders})/[\w./-]*\w)`", text)
        if place not in {"conf/"}
    }
    assert len(named) > 30
    assert sorted(each for each in named if not (ROOT / each[1]).exists()) == []


def test_links_within_the_repository_lead_somewhere() -> None:
    """Those to what is made at build time are held by the site's own build."""
    targets = [(page, target) for page, text in PAGES.items() for target in re.findall(r"\]\(([^)#\s]+)", text)]
    held = [each for each in targets if "://" not in each[1] and "reference/" not in each[1]]
    assert len(held) > 100
    assert [each for each in held if not (ROOT / each[0]).parent.joinpath(each[1]).exists()] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_bytes()) < 9_000


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")]
    assert len(pages) > 30
    assert [page for page in pages if f" {page}\n" not in navigation] == []


@pytest.mark.parametrize("text", ["```sh\nmdstream api # here\n```\n", "`mdstream\napi`"])
def test_lines_are_read_from_blocks_and_sentences(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PAGES, "made.md", text)
    assert command_lines("made.md") == ["mdstream api"]
