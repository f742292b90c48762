"""`mdstream api`: the REST API."""

from __future__ import annotations

from typing import Annotated

import typer

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors
from mdstream.config import load_settings

OPEN_TO_ALL = (
    "[bold yellow]warning:[/] other machines can connect, and everybody may ask: serving.api_keys is empty; "
    "make a key with: mdstream config key"
)
"""What is said when a server is started without keys on an address that others reach."""


def api(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; else serving.host.", show_default=False)
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; else serving.rest_port. 0: any free one.", show_default=False),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Serve what is stored over HTTP until SIGTERM or Ctrl-C.

    Newest records come from Redis, series from the database. Either may come later or go away meanwhile:
    `/health/ready` says which is missing. Endpoints are described, and can be tried, at `/docs`.

    Example: `curl http://127.0.0.1:8000/api/v1/latest/AAPL`
    """
    # Imported here so that `mdstream --help` stays quick.
    from mdstream.serving.access import AccessList
    from mdstream.serving.connections import ConnectionLimits
    from mdstream.serving.rest import create_app
    from mdstream.serving.rest.admission import SERVER
    from mdstream.serving.server import listen, serve

    settings = load_settings(config)
    if host is not None:
        settings = settings.model_copy(update={"serving": settings.serving.model_copy(update={"host": host})})
    serving = settings.serving
    with listen(serving.host, serving.rest_port if port is None else port) as listener:
        address, bound = listener.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        errors.print(
            f"REST API on http://{shown}:{bound}/api/v1, described at http://{shown}:{bound}/docs", soft_wrap=True
        )
        if AccessList(serving).is_exposed:
            errors.print(OPEN_TO_ALL, soft_wrap=True)
        limits = ConnectionLimits(SERVER, serving.rest.connections, serving.rest.request_seconds)
        serve(create_app(settings), listener, limits, serving.rest.trusted_proxies)
