"""Runs an ASGI application until the process is told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
import socket
from collections.abc import Sequence
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from mdstream.errors import ServerError
from mdstream.serving.connections import ConnectionLimits, Connections

_STOP_SECONDS = 10
_OTHER_DESCRIPTORS = 200
_ACCESS_LOG = logging.getLogger("uvicorn.access")
_SERVER_LOG = logging.getLogger("uvicorn.error")
_OF_CLIENTS = ("Invalid HTTP request received", "Unsupported upgrade request", "No supported WebSocket library")


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


def serve(app: ASGIApp, listener: socket.socket, limits: ConnectionLimits, trusted_proxies: Sequence[str] = ()) -> None:
    """Serve `app` until SIGTERM or SIGINT, then answer what has begun and return; requests get ten seconds.

    Args:
        app: The application.
        listener: Where clients connect; see `listen`.
        limits: What clients may do with connections.
        trusted_proxies: Addresses whose `X-Forwarded-For` is believed.

    Raises:
        ServerError: The system does not allow as many open connections.
    """
    allow_connections(limits.connections, f"serving.{limits.server}.connections")
    config = uvicorn.Config(
        app,
        # A protocol is whatever makes one, as asyncio has it; uvicorn's annotation is narrower.
        http=cast("type[asyncio.Protocol]", Connections(limits).protocol),
        log_config=None,
        access_log=_ACCESS_LOG.isEnabledFor(logging.INFO),
        server_header=False,
        ws="none",
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = uvicorn.Server(config)
    # uvicorn sends itself the signal again when it has stopped; with these handlers that does no harm.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    _SERVER_LOG.addFilter(_is_worth_a_line)
    # What is there from the start lives as long as the process: unwatched, a full collection takes 1 ms, not 30.
    gc.collect()
    gc.freeze()
    server.run(sockets=[listener])


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Leave out what a client can have written as often as it likes; it is counted instead."""
    return not record.getMessage().startswith(_OF_CLIENTS)


def allow_connections(connections: int, setting: str) -> None:
    """Have the system allow so many open connections.

    Args:
        connections: How many.
        setting: What is to be lowered if it does not.

    Raises:
        ServerError: It does not.
    """
    needed = connections + _OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (ValueError, OSError) as exc:
        raise ServerError(
            f"the system allows this process {hard} open files and connections, and it may need {needed}; "
            f"raise `ulimit -Hn`, or lower {setting}"
        ) from exc
