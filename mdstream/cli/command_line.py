"""The command line as a whole: where its options may stand, and how signals end what has no end of its own."""

from __future__ import annotations

import errno
import shutil
import signal
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from types import FrameType

from mdstream.telemetry.logs import JSON_FORMAT, TEXT_FORMAT


class LogFormat(StrEnum):
    """How a line of the log looks."""

    TEXT = TEXT_FORMAT
    JSON = JSON_FORMAT


_FULL = (errno.ENOSPC, errno.EDQUOT)
_VERBOSE = {"--verbose", "-v", "-vv"}
_LOG_FORMAT = "--log-format"


def with_log_options_first(arguments: list[str]) -> list[str]:
    """Return a command line with the options for the log in front.

    Example:
        >>> with_log_options_first(["run", "-v", "live_bars", "--log-format", "json"])
        ['-v', '--log-format', 'json', 'run', 'live_bars']
    """
    first, rest = [], []
    left = iter(arguments)
    for argument in left:
        if argument == "--":
            rest += [argument, *left]
        elif argument in _VERBOSE or argument.startswith(f"{_LOG_FORMAT}="):
            first.append(argument)
        elif argument == _LOG_FORMAT:
            first += [argument, *([value] if (value := next(left, None)) is not None else [])]
        else:
            rest.append(argument)
    return first + rest


def end_on_signals() -> None:
    """Let Ctrl-C and SIGTERM end the process without a trace, with 128 and their number as exit code.

    What runs until it is stopped has handlers of its own meanwhile. What a shell started in the background ignores
    Ctrl-C, as it is to.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    # A second one, while what has begun is being ended, does not wait for that.
    signal.signal(number, signal.SIG_DFL)
    sys.exit(128 + number)


def full_disk(error: OSError) -> str | None:
    """Return which disk is full and what to do, if that is what an error says; else None.

    Example:
        >>> full_disk(OSError(errno.ENOSPC, "No space left on device", "/proc/models/AAPL"))
        'the disk of /proc/models/AAPL is full (0 MB free): free some, or raise its quota'
        >>> full_disk(OSError(errno.EPERM, "Operation not permitted")) is None
        True
    """
    if error.errno not in _FULL:
        return None
    # Who writes to an open file is not told its name.
    candidates = [error.filename] if error.filename else [Path.cwd(), Path.home(), tempfile.gettempdir()]
    free = {str(place): _free_bytes(Path(str(place))) for place in candidates}
    fullest = min(free, key=lambda place: free[place])
    return f"the disk of {fullest} is full ({free[fullest] / 1e6:,.0f} MB free): free some, or raise its quota"


def _free_bytes(place: Path) -> int:
    folder = next(each for each in (place, *place.absolute().parents) if each.is_dir())
    return shutil.disk_usage(folder).free
