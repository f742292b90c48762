"""Serves metrics and health of a process that has no web server of its own."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from io import BufferedIOBase
from typing import Any, cast
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import ThreadingWSGIServer, make_wsgi_app

from mdstream.errors import ConfigError
from mdstream.serving.rate_limit import RateLimiter, site_of
from mdstream.serving.safety_headers import safety_headers

_PATHS = {"/metrics", "/", "/health/live", "/health/ready"}
_MOST_CONNECTIONS = 16
_MOST_HEAD_BYTES = 16_384
_MOST_URL_BYTES = 8_192
_READ_SECONDS = 5
# Prometheus asks every few seconds; people look.
_REQUESTS_PER_SECOND = 5
_BURST = 20
_HEADERS = [*safety_headers().items(), ("Server", "mdstream")]


@contextmanager
def serve_metrics(
    registry: CollectorRegistry, host: str, port: int, problem: Callable[[], str | None] = lambda: None
) -> Iterator[None]:
    """Answer `/metrics`, `/health/live` and `/health/ready` on an address until the end of the block.

    Heads and URLs are bounded, bodies refused, clients asked to come back when they ask too often. Of connections there
    are at most 16: the one that has been there for longest makes place for a new one.

    Args:
        registry: What is served; memory, CPU and files of the process are added to it.
        host: Address to listen on.
        port: Port to listen on.
        problem: Returns why the process cannot do its work now, None if it can: then it is ready.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    ProcessCollector(registry=registry)
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        server_class = _Server6 if address[0] == socket.AF_INET6 else _Server
        answer = _gated(_with_health(make_wsgi_app(registry), problem))
        server = make_server(str(address[4][0]), port, answer, server_class, _Handler)
    except OSError as exc:
        raise ConfigError(
            f"metrics cannot be served on {host}:{port}: {exc}; choose another --metrics-port, or another address "
            "and port in the section monitoring"
        ) from exc
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_Application = Callable[[WSGIEnvironment, StartResponse], Any]


def _gated(metrics: _Application) -> _Application:
    """Answer what Prometheus asks for, and nothing else."""
    limiter = RateLimiter(_REQUESTS_PER_SECOND, _BURST)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Any:  # noqa: ANN401 - as WSGI has it
        def start(status: str, headers: list[tuple[str, str]]) -> Any:  # noqa: ANN401
            return start_response(status, [*headers, *_HEADERS])

        refusal = _refusal(environ, limiter)
        if refusal is None:
            # The library answers GET alone.
            body = metrics({**environ, "REQUEST_METHOD": "GET"}, cast("StartResponse", start))
            return [] if environ["REQUEST_METHOD"] == "HEAD" else body
        start(f"{refusal.value} {refusal.phrase}", [("Content-Type", "text/plain"), ("Retry-After", "1")])
        return [f"{refusal.phrase}; expected GET /metrics\n".encode()]

    return answer


def _with_health(metrics: _Application, problem: Callable[[], str | None]) -> _Application:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Any:  # noqa: ANN401 - as WSGI has it
        match environ["PATH_INFO"]:
            case "/health/live":
                status, body = HTTPStatus.OK, {"status": "alive"}
            case "/health/ready":
                reason = problem()
                status = HTTPStatus.OK if reason is None else HTTPStatus.SERVICE_UNAVAILABLE
                body = {"status": "ready"} if reason is None else {"status": "not_ready", "message": reason}
            case _:
                return metrics(environ, start_response)
        start_response(f"{status.value} {status.phrase}", [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]

    return answer


def _refusal(environ: WSGIEnvironment, limiter: RateLimiter) -> HTTPStatus | None:
    if len(environ["PATH_INFO"]) + len(environ.get("QUERY_STRING", "")) > _MOST_URL_BYTES:
        return HTTPStatus.REQUEST_URI_TOO_LONG
    if environ.get("CONTENT_LENGTH") not in {None, "", "0"} or "HTTP_TRANSFER_ENCODING" in environ:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
        return HTTPStatus.METHOD_NOT_ALLOWED
    if environ["PATH_INFO"] not in _PATHS:
        return HTTPStatus.NOT_FOUND
    if limiter.wait(site_of(environ["REMOTE_ADDR"]), time.monotonic()):
        return HTTPStatus.TOO_MANY_REQUESTS
    return None


class _Server(ThreadingWSGIServer):
    """Has a thread for each of a few connections."""

    address_family = socket.AF_INET

    def __init__(self, *args: Any) -> None:  # noqa: ANN401 - those of its base
        # In the order in which they came.
        self._open: dict[socket.socket, None] = {}
        self._lock = threading.Lock()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - those of its base
        """Make place for one more."""
        with self._lock:
            oldest = next(iter(self._open)) if len(self._open) >= _MOST_CONNECTIONS else None
            self._open[request] = None
        if oldest is not None:
            # Its thread ends as if the client had gone.
            with suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401
        """Give the place back."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Say nothing: a client has gone, or never finished what it asked."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    """Reads one request, as far as it is no longer than Prometheus makes them."""

    timeout = _READ_SECONDS

    def setup(self) -> None:
        """Count what is read."""
        super().setup()
        self.rfile = cast("Any", _Head(self.rfile))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Refuse what is not a request, without repeating it."""
        # What was not understood is taken for HTTP/0.9, whose answers have no head.
        self.request_version = "HTTP/1.0"
        self.send_response_only(code)
        for name, value in (*_HEADERS, ("Content-Length", "0"), ("Connection", "close")):
            self.send_header(name, value)
        self.end_headers()


class _Head:
    """Reads lines up to the length that a head may have; what comes then is not there."""

    def __init__(self, source: BufferedIOBase) -> None:
        self._source = source
        self._left = _MOST_HEAD_BYTES

    def readline(self, most: int = -1) -> bytes:
        """Return a line."""
        if self._left <= 0:
            raise ConnectionAbortedError("the head of a request is too long")
        line = self._source.readline(min(most, self._left) if most >= 0 else self._left)
        self._left -= len(line)
        return line

    def close(self) -> None:
        """Close the source."""
        self._source.close()
