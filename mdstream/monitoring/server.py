"""Serves metrics of a process that has no web server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from mdstream.errors import ConfigError


@contextmanager
def serve_metrics(registry: CollectorRegistry, host: str, port: int) -> Iterator[None]:
    """Answer `/metrics` on an address until the end of the block.

    Args:
        registry: What is served; memory, CPU and files of the process are added to it.
        host: Address to listen on.
        port: Port to listen on.

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
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
