"""The texts that users read, and the commands and code in them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
DECISIONS = ROOT / "docs" / "adr"
"""Records of the past, which name what was there then."""

PAGES = {
    str(file.relative_to(ROOT)): file.read_text(encoding="utf-8")
    for file in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
    if DECISIONS not in file.parents
}
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_SHELL = {"sh", "bash"}


def samples(page: str, language: str) -> list[str]:
    """The blocks of code of a page that are in a language."""
    return [text for kind, text in _FENCE.findall(PAGES[page]) if kind == language]


def command_lines(page: str) -> list[str]:
    """Every line of a shell on a page: those of its blocks without their comments, and what stands in sentences."""
    blocks = [text for language in _SHELL for text in samples(page, language)]
    lines = [re.sub(r"\s+#.*", "", line).strip() for block in blocks for line in block.splitlines()]
    sentences = [" ".join(code.split()) for code in _INLINE.findall(_FENCE.sub("", PAGES[page]))]
    return [line for line in (*lines, *sentences) if line and not line.startswith("#")]
