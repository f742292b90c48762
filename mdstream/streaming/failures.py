"""What ended a query, in one line: what happened where, what to do, and whether it passes by itself."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded|\bENOSPC\b|There is not enough space on the disk")
_SPARE_BYTES = 64 * 1024 * 1024
_PATH = re.compile(r"(?:file:)?(/[^\s:'\"(),;\]]+)")

_OURS = re.compile(r"mdstream\.errors\.(\w+): (.+)")
_AWAY = ("SinkUnavailableError", "StoreUnavailableError")
_CAUSE = re.compile(r"^(?:Caused by: )?(?:[\w$]+\.)*(\w+(?:Error|Exception))(?:: (.+))?$", re.MULTILINE)
_WRAPPERS = re.compile(
    r"Py4J|StreamingQueryException|PythonException|SparkException|ExecutionException|CapturedException"
)
_HEAD = re.compile(
    r"^(?:\[STREAM_FAILED\] .*?terminated with exception: )?(?:Job aborted due to stage failure: .*?recent failure: )?"
    r"(?:Lost task \S+ in stage \S+ \(TID \d+\) \([^)]*\): )?",
    re.DOTALL,
)
_LONGEST = 500


@dataclass(frozen=True)
class _Kind:
    said: re.Pattern[str]
    meaning: str
    remedy: str
    passes: bool = True


_KINDS = (
    _Kind(
        re.compile(
            r"Python worker failed to connect back|Python worker exited unexpectedly|EOFException.*PythonRunner"
        ),
        "a Python worker of Spark did not come up, or was killed",
        "the machine is overloaded or out of memory: run fewer jobs on it, or more machines",
    ),
    _Kind(
        re.compile(
            r"org\.apache\.kafka\.common\.errors\.(?:Timeout|Disconnect|Network|NotLeaderOrFollower|BrokerNotAvailable"
            r"|LeaderNotAvailable|CoordinatorNotAvailable|NotEnoughReplicas\w*|KafkaStorage)Exception[^\n]*"
        ),
        "Kafka does not answer",
        "bring the broker of kafka.bootstrap_servers back",
    ),
    _Kind(
        re.compile(
            r"(?:java\.net\.(?:Connect|NoRouteToHost|UnknownHost|SocketTimeout|Socket)Exception|ConnectionRefusedError"
            r"|ConnectionResetError|BrokenPipeError)[^\n]*"
        ),
        "a server cannot be reached",
        "look at the network and at the servers that `mdstream doctor` names",
    ),
    _Kind(
        re.compile(
            r"Too many open files|Cannot allocate memory|unable to create native thread|Resource temporarily un"
        ),
        "the system has no more memory, threads or open files for this process",
        "raise `ulimit -n` and `ulimit -u`, or run fewer jobs on this machine",
    ),
    _Kind(
        re.compile(r"Some data may have been lost because they are not available in Kafka any more"),
        "Kafka has dropped records, or the topic was made anew, before the query read them",
        "give it a new checkpoint (docs/operations.md, Upgrade), then `mdstream backfill` and `mdstream rebuild`",
        passes=False,
    ),
    _Kind(
        re.compile(
            r"dagScheduler\(\)\" is null|SparkContext (?:was|has been|is) (?:shut ?down|stopped|cancelled)"
            r"|stopped SparkContext|RpcEnv already stopped"
        ),
        "Spark was shut down, since its Java process was told to end",
        "start again: every query goes on from its checkpoint",
        passes=False,
    ),
    _Kind(
        re.compile(r"Error reading stream metadata|StreamMetadata\$\.read|json4s.*JsonMethods\.parse", re.DOTALL),
        "the file metadata of its checkpoint is torn",
        "give the query a new checkpoint (docs/operations.md, Upgrade)",
        passes=False,
    ),
)

_TORN = re.compile(
    r"Incomplete log file|Malformed log file|Log file was malformed|Failed to read log file|UNSUPPORTED_LOG_VERSION"
    r"|MalformedLogFile|MALFORMED_LOG_FILE|failed to read log file|No content to map due to end-of-input"
    r"|Unexpected end-of-input|next on empty iterator",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Failure:
    """Why a query ended.

    Attributes:
        reason: One line: what happened where, and what to do.
        passes: Whether it may be gone when the query is started again.
        known: Whether it is one of the kinds that are told apart.
    """

    reason: str
    passes: bool
    known: bool = True


def explain_failure(said: str, folders: Iterable[str | Path] = (), checkpoint: str | Path | None = None) -> Failure:
    """Return what a query's exception means.

    Args:
        said: The exception with all its causes, as Spark words it.
        folders: Where Spark writes on this machine: one of them is full if a disk is and nothing says which.
        checkpoint: The query's own, if it is a folder.

    Example:
        >>> explain_failure("java.io.IOException: No space left on device", ["/proc"]).passes
        True
    """
    ours = _OURS.findall(said)
    if _NO_SPACE.search(said) and not (ours and ours[-1][0] in _AWAY):
        return Failure(
            f"{_full_folder(said, folders)}: no space left on device; free some, or raise its quota", passes=True
        )
    if ours:
        kind, message = ours[-1]
        return Failure(_shortened(message), passes=kind in _AWAY)
    if checkpoint is not None and (torn := torn_file(Path(checkpoint))) and _is_about_logs(said):
        return Failure(
            f"the file {torn} is torn, as a crash of the machine or a full disk leaves it; delete it and start again: "
            "the batch is planned anew, and nothing is lost or doubled",
            passes=False,
        )
    for known in _KINDS:
        if found := known.said.search(said):
            detail = found[0].rpartition(".")[2] if "Exception" in found[0] else ""
            shown = f"{known.meaning} ({_shortened(detail)})" if detail else known.meaning
            return Failure(f"{shown}; {known.remedy}", known.passes)
    return Failure(_root_cause(said), passes=False, known=False)


def torn_file(checkpoint: Path) -> Path | None:
    """Return the file of a checkpoint's logs that was not written to its end; None if all were.

    A whole one begins with the version of its form, and offsets are whole lines of JSON.
    """
    for log in ("offsets", "commits"):
        files = [file for file in checkpoint.glob(f"{log}/*") if file.name.isdecimal()]
        for file in sorted(files, key=lambda file: int(file.name), reverse=True)[:2]:
            if _is_torn(file.read_bytes(), lines=2 if log == "commits" else 3):
                return file
    return None


def _is_torn(content: bytes, lines: int) -> bool:
    found = content.split(b"\n")
    if not found[0].startswith(b"v") or len(found) < lines:
        return True
    # The last line is JSON, or the dash of a source without data.
    return not (found[-1].rstrip().endswith((b"}", b"-")) or found[-1].strip().isdigit())


def _is_about_logs(said: str) -> bool:
    return _TORN.search(said) is not None or "OffsetSeq" in said or "CommitLog" in said


def _full_folder(said: str, folders: Iterable[str | Path]) -> str:
    """Name the folder on the disk that is full: that of a path in the message, else the one with the least room."""
    place = _NO_SPACE.search(said)
    line_start = said.rfind("\n", 0, place.start()) + 1 if place else 0
    line = said[line_start : said.find("\n", line_start) if "\n" in said[line_start:] else len(said)]
    named = [path for path in _PATH.findall(line) if Path(path).is_absolute() and path.count("/") > 1]
    candidates = [*map(Path, named), *(Path(str(folder)) for folder in folders)]
    free = {folder: _free_bytes(folder) for folder in dict.fromkeys(map(_existing, candidates))}
    if not free:
        return "a disk of this machine"
    fullest = min(free, key=lambda folder: free[folder])
    if free[fullest] > _SPARE_BYTES and not named:
        return "one of the disks of " + ", ".join(map(str, free))
    return f"the disk of {fullest} ({free[fullest] / 1e6:,.0f} MB free)"


def _existing(path: Path) -> Path:
    found = path.absolute()
    while not found.is_dir() and found != found.parent:
        found = found.parent
    return found


def _free_bytes(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def _root_cause(said: str) -> str:
    """Return the innermost exception that says something, else the first line."""
    causes = [(name, text) for name, text in _CAUSE.findall(said) if text and not _WRAPPERS.search(name)]
    head = _HEAD.sub("", said.strip())
    first = head.splitlines()[0] if head else "without an error"
    if not causes:
        return _shortened(first)
    name, text = causes[-1]
    return _shortened(first if text in first else f"{name}: {text}")


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
