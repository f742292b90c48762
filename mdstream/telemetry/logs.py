"""One form for every line of a log, ours and those of the libraries beneath."""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime

TEXT_FORMAT = "text"
JSON_FORMAT = "json"

_FORMAT_VARIABLE = "LOG_FORMAT_OF_MDSTREAM"
_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"

_QUIET = ("kafka", "py4j", "urllib3", "httpx", "httpcore", "websockets", "uvicorn.error", "asyncio", "matplotlib")
"""Libraries whose steps are of no use to who runs mdstream: they speak of warnings alone, and with -vv of all."""

_SILENT = ("kafka",)
"""Libraries that say of an absent server what we say ourselves, many times."""


class JsonLines(logging.Formatter):
    """A line of JSON for each record: time in UTC, level, logger, message, and the trace if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out what py4j says to nobody in particular of a Java that has ended: who asked it is told so too."""
    return not (record.name == "root" and record.getMessage().startswith("Exception while sending command"))


def set_up_logging(level: int, form: str = TEXT_FORMAT) -> None:
    """Log to standard error, once for the process and what it starts; who has set up logging before keeps it.

    Args:
        level: The least severe level that is shown of ours.
        form: `TEXT_FORMAT` or `JSON_FORMAT`.
    """
    os.environ[_FORMAT_VARIABLE] = form
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_news)
    handler.setFormatter(JsonLines() if form == JSON_FORMAT else logging.Formatter(_LINE))
    root.addHandler(handler)
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(level if level <= logging.DEBUG else max(level, logging.WARNING))
    for name in _SILENT:
        logging.getLogger(name).setLevel(level if level <= logging.DEBUG else logging.CRITICAL)


def wanted_format() -> str:
    """Return the form that this process, or the one that started it, was told to log in."""
    return JSON_FORMAT if os.environ.get(_FORMAT_VARIABLE) == JSON_FORMAT else TEXT_FORMAT


def ensure_logging() -> None:
    """Log warnings in the usual form if nobody has set up logging: in the processes that Spark starts."""
    if not logging.getLogger().handlers:
        set_up_logging(logging.WARNING, wanted_format())
