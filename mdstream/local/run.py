"""A folder for the data of local servers, and processes that never outlive us."""

from __future__ import annotations

import logging
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from mdstream.errors import ServerError
from mdstream.local import watchdog

logger = logging.getLogger(__name__)

_CLOSE_SECONDS = 60
_LOG_TAIL_BYTES = 4_000

# A process may start only after the watchdog knows it: the shell waits for that and then becomes the command.
_START_GATE = 'read -r go && exec "$@" </dev/null'


@dataclass(frozen=True)
class Account:
    """A user of this machine that a process runs as, instead of us."""

    user: int
    group: int

    @classmethod
    def unprivileged(cls) -> Account | None:
        """Return whom a server runs as that refuses to be root: nobody if we are root, else None for us.

        Raises:
            ServerError: We are root and this machine has no user nobody.
        """
        if os.geteuid() != 0:
            return None
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError as exc:
            raise ServerError("we run as root and there is no user 'nobody'; run mdstream as another user") from exc
        return cls(nobody.pw_uid, nobody.pw_gid)

    def can(self, *command: str | Path) -> bool:
        """Say whether a command succeeds for this user."""
        try:
            done = subprocess.run(
                command, capture_output=True, check=False, cwd="/", user=self.user, group=self.group, extra_groups=[]
            )
        except OSError as exc:
            logger.info("user %d cannot run %s: %s", self.user, command[0], exc)
            return False
        return done.returncode == 0

    def own(self, folder: Path) -> None:
        """Give a folder and all in it to this user."""
        for path in (folder, *folder.rglob("*")):
            os.chown(path, self.user, self.group, follow_symlinks=False)


class Child:
    """A process of ours, the leader of its own process group.

    Attributes:
        name: What it is called in messages.
        log: The file that gets its standard output and standard error.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, run: RunFolder) -> None:
        self.name = name
        self.log = log
        self._process = process
        self._run = run

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
        self._process.send_signal(number)

    def end(self, grace_seconds: float = 0) -> None:
        """Give the process time to end, then kill it, and in any case what is left of its group."""
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            if grace_seconds:
                logger.warning("%s did not stop within %g s and is killed", self.name, grace_seconds)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._run.forget(self)


class RunFolder:
    """A folder that vanishes with us, and with it every process that was started in it.

    A watchdog process ends them and removes the folder when this object is closed, and also when our process is
    gone, even by SIGKILL.

    Attributes:
        path: The folder. Others may pass through it, as servers may run as another user, but not list it.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="mdstream-", dir=_temporary_folder()))
        self.path.chmod(0o711)
        self._lock = threading.Lock()
        self._watchdog = subprocess.Popen(
            [sys.executable, "-I", "-S", watchdog.__file__, self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        account: Account | None = None,
        crash_signal: signal.Signals = signal.SIGKILL,
        cwd: Path | None = None,
    ) -> Child:
        """Start a process that ends with us.

        Args:
            name: What it is called; its log is `<name>.log` in the run folder.
            command: Program and arguments.
            environment: All its environment variables; None for ours.
            account: Whom it runs as, if not us.
            crash_signal: What ends it when we are gone.
            cwd: Its working folder, if not the root folder.

        Raises:
            ServerError: The process cannot be started.
        """
        log = self.path / f"{name}.log"
        try:
            with log.open("ab") as output:
                process = subprocess.Popen(
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
                )
        except (OSError, subprocess.SubprocessError) as exc:
            raise ServerError(f"cannot start {name}: {exc}") from exc
        self._tell(f"+{process.pid} {int(crash_signal)}")
        if process.stdin:
            with suppress(BrokenPipeError), process.stdin as gate:
                gate.write(b"go\n")
        return Child(name, process, log, self)

    def run(self, name: str, command: Sequence[str | Path], *, account: Account | None = None, seconds: float) -> None:
        """Run a command to its end.

        Raises:
            ServerError: It failed, or took longer than `seconds`; the end of its log says why.
        """
        child = self.start(name, command, account=account)
        child.end(seconds)
        if child.exit_code != 0:
            raise ServerError(f"{name} ended with code {child.exit_code}:\n{child.log_tail()}")

    def forget(self, child: Child) -> None:
        """Tell the watchdog that a process has ended."""
        self._tell(f"-{child.pid}")

    def close(self) -> None:
        """End every process that is left and remove the folder."""
        if self._watchdog.stdin and not self._watchdog.stdin.closed:
            self._watchdog.stdin.close()
        self._watchdog.wait(_CLOSE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _tell(self, line: str) -> None:
        try:
            with self._lock:
                if self._watchdog.stdin:
                    self._watchdog.stdin.write(f"{line}\n".encode())
                    self._watchdog.stdin.flush()
        except (OSError, ValueError) as exc:
            raise ServerError(f"the watchdog of {self.path} is gone: its servers may outlive this process") from exc


def _temporary_folder() -> str:
    """Return the folder for temporary files, or another if the user that servers run as cannot get there."""
    preferred = tempfile.gettempdir()
    account = Account.unprivileged()
    if account is None:
        return preferred
    for folder in dict.fromkeys((preferred, "/tmp", "/var/tmp")):  # noqa: S108 a private folder is made in it
        if account.can("/bin/sh", "-c", 'cd "$1"', "sh", folder):
            return folder
    raise ServerError(f"we run as root, and the user 'nobody' that PostgreSQL runs as cannot enter {preferred}")
