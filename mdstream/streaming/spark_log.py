"""Where Spark's log goes: to standard error a line each, in the form of ours, and with all traces to a file."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from mdstream.telemetry.logs import JSON_FORMAT, TEXT_FORMAT, wanted_format

logger = logging.getLogger(__name__)

CONFIGURATION = Path(__file__).with_name("log4j2.properties")

_FILE = "SPARK_LOG_FILE_OF_MDSTREAM"
_PATTERN = "SPARK_LOG_PATTERN_OF_MDSTREAM"
_NOWHERE = "/dev/null"

_TIME = "%d{yyyy-MM-dd HH:mm:ss,SSS}"
_TIME_OF_JSON = "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX}{UTC}"
_LEVEL = "%level{WARN=WARNING, FATAL=CRITICAL}"
# Traces of a task stand in the message itself, behind its first line.
_FIRST_LINE = r"%replace{%maxLen{%m}{600}}{(?s)\R.*}{}"
_PATTERNS = {
    TEXT_FORMAT: f"{_TIME} {_LEVEL} spark: {_FIRST_LINE}%n",
    JSON_FORMAT: f'{{"time":"{_TIME_OF_JSON}","level":"{_LEVEL}","logger":"spark",'
    f'"message":"%enc{{{_FIRST_LINE}}}{{JSON}}"}}%n',
}


def prepare_spark_log(name: str, folder: Path | None) -> None:
    """Say to the Java that is started next where its log goes.

    Args:
        name: Of the application, and so of the file.
        folder: Where the file is; None for `$XDG_STATE_HOME/mdstream` or `~/.local/state/mdstream`.
    """
    os.environ[_PATTERN] = _PATTERNS[wanted_format()]
    file = (folder or state_folder()) / f"{name.replace(' ', '-').replace('/', '-')}.log"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError as exc:
        logger.warning("no traces are kept: %s cannot be written (%s); set spark.trace_folder", file, exc.strerror)
        os.environ[_FILE] = _NOWHERE
    else:
        os.environ[_FILE] = str(file)


def where_traces_are() -> str:
    """Return the end of an error's message that names the file with the traces; nothing if none is kept."""
    file = os.environ.get(_FILE, _NOWHERE)
    return "" if file == _NOWHERE else f"; the trace is in {file}"


def state_folder() -> Path:
    """Return the user's folder for logs of programs: `$XDG_STATE_HOME/mdstream`, or `~/.local/state/mdstream`."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path("~/.local/state").expanduser()) / "mdstream"
