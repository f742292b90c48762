"""Who may connect, and answers to plain HTTP on the same port."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import MultipleValuesError
from websockets.http11 import Request, Response

from mdstream.serving.access import AccessList, key_of
from mdstream.serving.safety_headers import safety_headers
from mdstream.serving.websocket.counters import Counters, Refusal
from mdstream.serving.websocket.guarded import GuardedConnection
from mdstream.serving.websocket.half_open import HalfOpenConnections
from mdstream.serving.websocket.messages import encode, encode_error

_JSON = "application/json"


class Handshake:
    """Answers the request with which a connection begins.

    Args:
        access: Knows keys and origins.
        half_open: Those that have not asked yet.
        registry: What `/metrics` shows.
        counters: What is counted.
        problem: Returns why the server is not ready, None if it is.
        is_full: Returns whether no client more is taken.
    """

    def __init__(
        self,
        access: AccessList,
        half_open: HalfOpenConnections,
        registry: CollectorRegistry,
        counters: Counters,
        problem: Callable[[], str | None],
        is_full: Callable[[], bool],
    ) -> None:
        self._access = access
        self._half_open = half_open
        self._registry = registry
        self._counters = counters
        self._problem = problem
        self._is_full = is_full

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request; None goes on with the WebSocket's own handshake."""
        self._half_open.complete(connection)
        try:
            refusal = self._refusal(connection, request)
        except MultipleValuesError as exc:
            refusal = self._refuse(
                connection, HTTPStatus.BAD_REQUEST, Refusal.NOT_WEBSOCKET, f"the header {exc} comes more than once"
            )
        return refusal

    def note_outcome(self, _: ServerConnection, __: Request, response: Response) -> None:
        """Count a request that is not a WebSocket handshake, and answer it as safely as the others."""
        if response.status_code in {HTTPStatus.UPGRADE_REQUIRED, HTTPStatus.METHOD_NOT_ALLOWED}:
            self._counters.refuse(Refusal.NOT_WEBSOCKET)
            response.headers.update(safety_headers())

    def _refusal(self, connection: ServerConnection, request: Request) -> Response | None:
        host, origin = request.headers.get("Host"), request.headers.get("Origin")
        if not self._access.allows_host(host):
            return self._refuse(
                connection,
                HTTPStatus.FORBIDDEN,
                Refusal.HOST,
                "this server is not known by that name; serving.allowed_hosts lists its names",
            )
        key = key_of(request.headers)
        name = self._access.name_of(key)
        path = request.path.partition("?")[0]
        if path != "/":
            return self._plain(connection, path, is_known=name is not None)
        if not self._access.allows_origin(origin):
            return self._refuse(
                connection,
                HTTPStatus.FORBIDDEN,
                Refusal.ORIGIN,
                "web pages of this origin may not connect; serving.allowed_origins lists those that may",
            )
        if key is not None and name is None:
            return self._refuse(connection, HTTPStatus.UNAUTHORIZED, Refusal.KEY, "this key is nobody's")
        if self._is_full():
            return self._refuse(
                connection, HTTPStatus.SERVICE_UNAVAILABLE, Refusal.CONNECTIONS, "too many clients; try again later"
            )
        if isinstance(connection, GuardedConnection):
            connection.key_name = name
        return None

    def _refuse(self, connection: ServerConnection, status: HTTPStatus, reason: Refusal, message: str) -> Response:
        self._counters.refuse(reason)
        return _respond(connection, status, encode_error(reason, message), _JSON)

    def _plain(self, connection: ServerConnection, path: str, *, is_known: bool) -> Response:
        """Answer a request that wants no WebSocket."""
        match path:
            case "/metrics" if not is_known:
                message = "a key is needed; send the header Authorization: Bearer KEY"
                return self._refuse(connection, HTTPStatus.UNAUTHORIZED, Refusal.KEY, message)
            case "/metrics":
                metrics = generate_latest(self._registry).decode()
                return _respond(connection, HTTPStatus.OK, metrics, CONTENT_TYPE_LATEST)
            case "/health/live":
                return _respond(connection, HTTPStatus.OK, encode("health", status="alive"), _JSON)
            case "/health/ready":
                if (problem := self._problem()) is None:
                    return _respond(connection, HTTPStatus.OK, encode("health", status="ready"), _JSON)
                return _respond(connection, HTTPStatus.SERVICE_UNAVAILABLE, encode_error("not_ready", problem), _JSON)
        self._counters.refuse(Refusal.NOT_WEBSOCKET)
        message = "nothing is here; the WebSocket is at /, besides it there are /metrics, /health/live, /health/ready"
        return _respond(connection, HTTPStatus.NOT_FOUND, encode_error("not_found", message), _JSON)


def _respond(connection: ServerConnection, status: HTTPStatus, body: str, content_type: str) -> Response:
    response = connection.respond(status, body)
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = content_type
    response.headers.update(safety_headers())
    return response
