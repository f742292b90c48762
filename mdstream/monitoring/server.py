"""Serves metrics and health of a process that has no web server of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from mdstream.errors import ConfigError


@contextmanager
def serve_metrics(
    registry: CollectorRegistry, host: str, port: int, problem: Callable[[], str | None] = lambda: None
) -> Iterator[None]:
    """Answer `/metrics`, `/health/live` and `/health/ready` on an address until the end of the block.

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
        server, thread = start_http_server(port, host, registry)
    except OSError as exc:
        raise ConfigError(
            f"metrics cannot be served on {host}:{port}: {exc}; choose another --metrics-port, or another address "
            "and port in the section monitoring"
        ) from exc
    if (answer := server.get_app()) is not None:
        server.set_app(_with_health(answer, problem))
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _with_health(metrics: WSGIApplication, problem: Callable[[], str | None]) -> WSGIApplication:
    def answer(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        match environment.get("PATH_INFO"):
            case "/health/live":
                status, body = "200 OK", {"status": "alive"}
            case "/health/ready":
                reason = problem()
                status = "200 OK" if reason is None else "503 Service Unavailable"
                body = {"status": "ready"} if reason is None else {"status": "not_ready", "message": reason}
            case _:
                return metrics(environment, start)
        content = json.dumps(body).encode()
        start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
        return [] if environment.get("REQUEST_METHOD") == "HEAD" else [content]

    return answer
