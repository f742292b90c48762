"""A folder for the data of local servers, and processes that never outlive us."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from mdstream.errors import ServerError
from mdstream.runtime import watchdog
from mdstream.runtime.account import Account
from mdstream.runtime.process import Child

_CLOSE_SECONDS = 10


class RunFolder:
    """A folder that vanishes with us, and with it every process that was started in it.

    Closing it does so; and if our process is gone without that, even by SIGKILL, a watchdog process does.

    Attributes:
        path: The folder. Nobody else may enter it; if we are root, the group of the user that servers run as instead
            may pass through it.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="mdstream-", dir=_temporary_folder()))
        _let_in(Account.unprivileged(), self.path)
        self._lock = threading.Lock()
        self._children: dict[int, tuple[Child, signal.Signals]] = {}
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
        child = Child(name, command, log, environment=environment, account=account, cwd=cwd)
        try:
            self._tell_watchdog(f"+{child.pid} {int(crash_signal)}")
        except (OSError, ValueError) as exc:
            child.revoke()
            raise ServerError(f"{name} is not started, as the watchdog that would end it is gone") from exc
        self._children[child.pid] = child, crash_signal
        child.release(lambda: self._forget(child))
        return child

    def run(self, name: str, command: Sequence[str | Path], *, account: Account | None = None, seconds: float) -> None:
        """Run a command to its end.

        Raises:
            ServerError: It failed, or took longer than `seconds`; the end of its log says why.
        """
        child = self.start(name, command, account=account)
        child.end(seconds)
        if child.exit_code != 0:
            raise ServerError(f"{name} ended with code {child.exit_code}:\n{child.log_tail()}")

    def close(self) -> None:
        """End every process that is left and remove the folder."""
        for child, crash_signal in list(self._children.values()):
            child.ask_to_stop(crash_signal)
        for child, _ in list(self._children.values()):
            child.end(_CLOSE_SECONDS)
        with suppress(BrokenPipeError):
            self._watchdog.communicate()
        shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _forget(self, child: Child) -> None:
        if self._children.pop(child.pid, None):
            # Without a watchdog there is nothing that could mistake another process for this one.
            with suppress(OSError, ValueError):
                self._tell_watchdog(f"-{child.pid}")

    def _tell_watchdog(self, line: str) -> None:
        with self._lock:
            if self._watchdog.stdin:
                self._watchdog.stdin.write(f"{line}\n".encode())
                self._watchdog.stdin.flush()


def _let_in(account: Account | None, folder: Path) -> None:
    if account is not None:
        os.chown(folder, -1, account.group)
        folder.chmod(0o710)


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
