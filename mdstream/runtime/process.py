"""A process that we start, watch and end."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from mdstream.errors import ServerError
from mdstream.runtime.account import Account

logger = logging.getLogger(__name__)

_LOG_TAIL_BYTES = 4_000

# The shell waits until it is told to, and then becomes the command; without a word from us it ends.
_START_GATE = 'read -r go && exec "$@" </dev/null'


class Child:
    """A process of ours, the leader of its own process group.

    It waits for `release` before it becomes its command, so that who watches it knows it by then.

    Args:
        name: What it is called in messages.
        command: Program and arguments.
        log: The file that gets its standard output and standard error.
        environment: All its environment variables; None for ours.
        account: Whom it runs as, if not us.
        cwd: Its working folder, if not the root folder.

    Raises:
        ServerError: It cannot be started.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        account: Account | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._when_ended: Callable[[], None] = lambda: None
        self._followers: set[psutil.Process] = set()
        try:
            with open(log, "ab", opener=_open_for_us) as output:
                self._process = subprocess.Popen(
                    ["/bin/sh", "-c", _START_GATE, name, *map(str, command)],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env=environment,
                    cwd=cwd or "/",
                    user=account.user if account else None,
                    group=account.group if account else None,
                    extra_groups=[] if account else None,
                    # What it writes is for nobody else either.
                    umask=0o077,
                )
        except (OSError, subprocess.SubprocessError) as exc:
            raise ServerError(f"cannot start {name}: {exc}") from exc

    def release(self, when_ended: Callable[[], None]) -> None:
        """Let it start its command; `when_ended` is called once it was ended."""
        self._when_ended = when_ended
        self._close_gate(b"go\n")

    def revoke(self) -> None:
        """End it before it was released."""
        self._close_gate(b"")
        self._process.wait()

    @property
    def pid(self) -> int:
        """Its process id, also that of its group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended, as `subprocess` says it; None if it runs."""
        return self._process.poll()

    def log_tail(self) -> str:
        """Return the end of its log."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - _LOG_TAIL_BYTES))
            return file.read().decode(errors="replace").strip()

    def ask_to_stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal to the process, not to its group, and return at once."""
        self._note_followers()
        self._process.send_signal(number)

    def end(self, grace_seconds: float = 0) -> None:
        """Give the process time to end, then kill it, and in any case what is left of its group and what it started."""
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            logger.info("%s did not end within %g s and is killed", self.name, grace_seconds)
            # Not of one that has ended: its number may be another's by now.
            self._note_followers()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        for follower in self._followers:
            with suppress(psutil.NoSuchProcess):
                follower.kill()
        self._when_ended()

    def _note_followers(self) -> None:
        """Note what it has started, in groups of their own too: a Java of Spark that is starting would outlive it."""
        with suppress(psutil.NoSuchProcess):
            self._followers.update(psutil.Process(self.pid).children(recursive=True))

    def _close_gate(self, word: bytes) -> None:
        if self._process.stdin:
            with suppress(BrokenPipeError), self._process.stdin as gate:
                gate.write(word)


def _open_for_us(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
