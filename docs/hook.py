"""What mkdocs.yml cannot say: pages from elsewhere in the repository, and links that are right there and on the site.

Pages link to files as they lie in the repository. What of these is on the site is linked to there; of any other,
which must exist, the text stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).parents[1]
_REFERENCE = _ROOT / "build" / "reference"
_DOCS = "docs"
_ELSEWHERE = {
    "bench/RESULTS.md": "benchmarks/results.md",
    "bench/FORECASTS.md": "benchmarks/forecasts.md",
    "bench/CHAOS.md": "benchmarks/chaos.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
    "README.md": "index.md",
    "docs/adr": "adr/index.md",
}
"""Where the site has files that are not under docs/, or are folders."""

_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_DECISION = re.compile(r"^# (\d+)\. (.+)$", re.MULTILINE)
_LOADED = re.compile(r"<(?:script|img|iframe|source)[^>]*\ssrc=\"?(?:https?:)?//[^>]*|<link[^>]*stylesheet[^>]*//[^>]*")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reference, which `python -m docs.reference` has made, and what lies elsewhere."""
    if not (_REFERENCE / "index.md").is_file():
        raise PluginError(f"there is no {_REFERENCE}: build the site with `make docs`, which makes the reference first")
    for made in sorted(_REFERENCE.rglob("*")):
        if made.is_file():
            place = f"reference/{made.relative_to(_REFERENCE).as_posix()}"
            files.append(File.generated(config, place, abs_src_path=str(made)))
    for source, place in _ELSEWHERE.items():
        if (_ROOT / source).is_file() and files.get_file_from_path(place) is None:
            files.append(File.generated(config, place, abs_src_path=str(_ROOT / source)))
    files.append(File.generated(config, _ELSEWHERE["docs/adr"], content=_decisions()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Let links to files of the repository lead to where the site has them."""
    place = page.file.src_uri
    source = next((file for file, other in _ELSEWHERE.items() if other == place and file.endswith(".md")), None)
    own = f"{_DOCS}/{place}" if source is None or place == "index.md" else source

    def replaced(link: re.Match[str]) -> str:
        text, target = link.groups()
        path, _, anchor = target.partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return link.group()
        named = normpath((PurePosixPath(own).parent / path).as_posix())
        there = _ELSEWHERE.get(named, named.removeprefix(f"{_DOCS}/"))
        if files.get_file_from_path(there) is not None:
            return f"[{text}]({relpath(there, PurePosixPath(place).parent)}{'#' * bool(anchor)}{anchor})"
        # What is nowhere is left for the strict build to complain of.
        return text if (_ROOT / named).exists() else link.group()

    return _outside_of_code(markdown, replaced)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001
    """Refuse a page that loads anything from another site."""
    if found := _LOADED.search(output):
        raise PluginError(f"{page.file.src_uri} loads from another site: {found.group()[:200]}")
    return output


def _outside_of_code(markdown: str, replaced: Callable[[re.Match[str]], str]) -> str:
    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [_LINK.sub(replaced, markdown[end : fence.start()]), fence.group()]
        end = fence.end()
    return "".join([*parts, _LINK.sub(replaced, markdown[end:])])


def _decisions() -> str:
    lines = ["# Decisions", "", "Why things are as they are, each with what else was considered.", ""]
    for record in sorted((_ROOT / _DOCS / "adr").glob("0*.md")):
        head = _DECISION.search(record.read_text(encoding="utf-8"))
        if head is None:
            raise PluginError(f"{record} has no heading `# number. title`")
        lines.append(f"- {head.group(1)}: [{head.group(2)}]({record.name})")
    return "\n".join([*lines, ""])
