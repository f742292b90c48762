"""`mdstream dashboard`: charts in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from mdstream.cli.api import OPEN_TO_ALL
from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors
from mdstream.config import load_settings


def dashboard(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; else serving.host.", show_default=False)
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; else serving.dashboard_port. 0: any free one.", show_default=False),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Show live charts, prices and anomalies in a browser until SIGTERM or Ctrl-C.

    Asks the REST API (`mdstream api`) for history and the WebSocket server (`mdstream websocket`) for what happens
    now; either may come later or go away meanwhile, and the page says which is missing. Where `serving.api_keys` asks
    for keys, browsers ask for a name, which may be any, and an API key as password, and the dashboard needs a key of
    its own: MDSTREAM_SERVING__DASHBOARD__API_KEY.

    Example: `mdstream dashboard`, then http://127.0.0.1:8050
    """
    # Imported here so that `mdstream --help` stays quick.
    from mdstream.serving.access import AccessList
    from mdstream.serving.connections import ConnectionLimits
    from mdstream.serving.dashboard import create_dashboard
    from mdstream.serving.server import listen, serve

    settings = load_settings(config)
    if host is not None:
        settings = settings.model_copy(update={"serving": settings.serving.model_copy(update={"host": host})})
    serving = settings.serving
    with listen(serving.host, serving.dashboard_port if port is None else port) as listener:
        address, bound = listener.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        errors.print(f"dashboard on http://{shown}:{bound}", soft_wrap=True)
        if AccessList(serving).is_exposed:
            errors.print(OPEN_TO_ALL, soft_wrap=True)
        limits = ConnectionLimits("dashboard", serving.dashboard.connections, serving.dashboard.request_seconds)
        serve(create_dashboard(settings), listener, limits)
