"""Runs an ASGI application until the process is told to stop."""

from __future__ import annotations

import gc
import logging
import signal
import socket

import uvicorn
from starlette.types import ASGIApp

from mdstream.errors import ServerError

_STOP_SECONDS = 10
_ACCESS_LOG = logging.getLogger("uvicorn.access")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: Name or address of the interface.
        port: 0 for any free one.

    Raises:
        ServerError: The port is taken, or the host is not an address of this machine.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as exc:
        # Python puts the address behind the system's own words.
        reason = str(exc.strerror).partition(" (while")[0]
        raise ServerError(
            f"cannot listen on {host}:{port}: {reason}; stop the process that uses the port, or choose another "
            "address with --host and --port"
        ) from exc


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serve `app` until SIGTERM or SIGINT, then answer what has begun and return; requests get ten seconds."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=_ACCESS_LOG.isEnabledFor(logging.INFO),
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = uvicorn.Server(config)
    # uvicorn sends itself the signal again when it has stopped; with these handlers that does no harm.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    # What is there from the start lives as long as the process: unwatched, a full collection takes 1 ms, not 30.
    gc.collect()
    gc.freeze()
    server.run(sockets=[listener])
