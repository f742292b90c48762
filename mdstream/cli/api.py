"""`mdstream api`: the REST API."""

from __future__ import annotations

from typing import Annotated

import typer

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors
from mdstream.config import load_settings


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
    """Serve latest prices, ticks and bars over HTTP until SIGTERM or Ctrl-C.

    Latest prices come from Redis, series from the database. Either may come later or go away meanwhile:
    `/health/ready` says which is missing. Endpoints are described, and can be tried, at `/docs`.

    Example: `curl http://127.0.0.1:8000/api/v1/latest/AAPL`
    """
    # Imported here so that `mdstream --help` stays quick.
    from mdstream.serving.rest import create_app
    from mdstream.serving.server import listen, serve

    settings = load_settings(config)
    with listen(host or settings.serving.host, settings.serving.rest_port if port is None else port) as listener:
        address, bound = listener.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        errors.print(
            f"REST API on http://{shown}:{bound}/api/v1, described at http://{shown}:{bound}/docs", soft_wrap=True
        )
        serve(create_app(settings), listener)
