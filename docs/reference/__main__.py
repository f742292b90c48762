"""`python -m docs.reference FOLDER`: writes the reference into a folder, where docs/hook.py looks for it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from docs.reference import asyncapi, commands, errors, metrics, python, records, rest, settings, websocket

_INDEX = """# Reference

Made from the code whenever this site is built.

| | |
| --- | --- |
| [Settings](settings.md) | every key, its type, default, meaning and variable |
| [Commands](commands.md) | every command of `mdstream`, its arguments and options |
| [REST](rest.md) | every endpoint, its parameters and answers |
| [WebSocket](websocket.md) | channels, messages, errors |
| [Metrics](metrics.md) | every metric, its labels, unit and meaning |
| [Topics and tables](records.md) | every record and its fields |
| [Errors](errors.md) | what they mean and what to do |
| [Python](python/index.md) | transforms, indicators, schemas, testing, forecasting, extensions |
"""


def pages() -> Iterator[tuple[str, str]]:
    """Yield every file of the reference with its place."""
    yield "index.md", _INDEX
    for module in (settings, commands, rest, websocket, metrics, records, errors):
        yield f"{module.__name__.rpartition('.')[2]}.md", module.page()
    yield "openapi.json", rest.openapi()
    yield "asyncapi.json", asyncapi.text()
    yield from ((f"python/{place}", text) for place, text in python.pages())


def main(folder: Path) -> None:
    """Write the reference, and nothing of an earlier one stays."""
    shutil.rmtree(folder, ignore_errors=True)
    for place, text in pages():
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
