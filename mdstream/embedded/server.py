"""What the local servers have in common."""

from __future__ import annotations

import logging
import random
import signal
import socket
import time
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from mdstream.embedded.block import RunsInBlock
from mdstream.errors import ServerError
from mdstream.runtime.process import Child
from mdstream.runtime.run import RunFolder

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"

_POLL_SECONDS = 0.02
_PORTS = range(10_000, 32_768)
_PORT_TRIES = 100
_given_ports: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens on, and that this process has not been given before.

    Whoever asks twice before it listens gets two. A port lies below those that systems give to outgoing
    connections: while a server is down, a client that tries to reach it could otherwise be given the server's
    own port, and keep it.

    Raises:
        ServerError: None was found.
    """
    for port in random.SystemRandom().sample(_PORTS, _PORT_TRIES):
        if port not in _given_ports and is_free(port):
            _given_ports.add(port)
            return port
    raise ServerError(f"no free port found on {HOST} between {_PORTS[0]} and {_PORTS[-1]}")


def is_free(port: int) -> bool:
    """Say whether nobody uses a port on 127.0.0.1."""
    with socket.socket() as probe:
        # As servers do, so that connections that were closed a moment ago do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


class LocalServer(RunsInBlock):
    """A real server of this process: started, stopped, started again with its data, gone without a trace.

    Used as a context manager it runs inside the block. It may share a run folder with others; without one it
    makes its own, which goes when the server is closed.

    Attributes:
        port: Where it listens on 127.0.0.1, the same after each start.
    """

    name: ClassVar[str]
    start_seconds: ClassVar[float] = 60
    stop_seconds: ClassVar[float] = 30
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    kill_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self, run: RunFolder | None = None) -> None:
        self.port = free_port()
        self._shared_run = run
        self._run: RunFolder | None = None
        self._child: Child | None = None

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self._child is not None and self._child.exit_code is None

    def start(self) -> None:
        """Start the server and return when it answers; with the data it had, if it ran before.

        Raises:
            ServerError: It does not start; the message has the end of its log.
            MissingDependencyError: The package that brings it is not installed.
        """
        if self.running:
            return
        began = time.monotonic()
        if self._run is None:
            run = self._shared_run or RunFolder()
            self._run = run
            self._initialise(run)
        self._child = self._launch(self._run)
        self._wait_until_ready(self._child)
        logger.info("%s is ready on port %d after %.1f s", self.name, self.port, time.monotonic() - began)

    def check(self) -> None:
        """See that the server, once started, still runs.

        Raises:
            ServerError: Its process has ended; the message has the end of its log.
        """
        if self._child is not None and self._child.exit_code is not None:
            raise ServerError(_ended(self.name, self._child))

    def stop(self) -> None:
        """Stop the server as its documentation says; its data stay."""
        self._end(self.stop_signal, self.stop_seconds)

    def kill(self) -> None:
        """Let the server crash; what it had made durable stays."""
        self._end(self.kill_signal, self.stop_seconds)

    def close(self) -> None:
        """End the server and remove its data, which it need not put in order before."""
        try:
            self.kill()
        finally:
            if self._run is not None and self._shared_run is None:
                self._run.close()
            self._run = None

    @abstractmethod
    def _initialise(self, run: RunFolder) -> None:
        """Make the server's data before its first start."""

    @abstractmethod
    def _launch(self, run: RunFolder) -> Child:
        """Start the process."""

    @abstractmethod
    def _answers(self) -> bool:
        """Ask the server, over its protocol, whether it can be used."""

    def _folder(self, run: RunFolder) -> Path:
        return run.path / f"{self.name.lower()}-{self.port}"

    def _end(self, number: signal.Signals, seconds: float) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.ask_to_stop(number)
            child.end(seconds)

    def _wait_until_ready(self, child: Child) -> None:
        deadline = time.monotonic() + self.start_seconds
        while not self._answers():
            if child.exit_code is not None:
                raise ServerError(_ended(self.name, child))
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{self.name} did not answer within {self.start_seconds:g} s; its log ends:\n{child.log_tail()}"
                )
            time.sleep(_POLL_SECONDS)


def _ended(name: str, child: Child) -> str:
    return f"{name} ended with code {child.exit_code}; its log ends:\n{child.log_tail()}"
