"""The command line as a whole: where its options may stand, and how signals end what has no end of its own."""

from __future__ import annotations

import signal
import sys
from enum import StrEnum
from types import FrameType

from mdstream.telemetry.logs import JSON_FORMAT, TEXT_FORMAT


class LogFormat(StrEnum):
    """How a line of the log looks."""

    TEXT = TEXT_FORMAT
    JSON = JSON_FORMAT


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
