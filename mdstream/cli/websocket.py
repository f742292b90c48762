"""`mdstream websocket`: live data over WebSockets."""

from __future__ import annotations

from typing import Annotated

import typer

from mdstream.cli.api import OPEN_TO_ALL
from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors
from mdstream.config import load_settings


def websocket(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; else serving.host.", show_default=False)
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; else serving.websocket_port. 0: any free one.", show_default=False),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Serve ticks, bars, indicators, anomalies and predictions as they happen, until SIGTERM or Ctrl-C.

    A client sends `{"type":"subscribe","symbols":["AAPL"]}` and gets the last state, then what changes it. One that
    is slow gets the newest of each thing and holds up nobody. `/metrics`, `/health/live` and `/health/ready` are on
    the same port. Kafka may come later or go away meanwhile: clients stay and are told.
    """
    # Imported here so that `mdstream --help` stays quick.
    from mdstream.serving.access import AccessList
    from mdstream.serving.server import listen
    from mdstream.serving.websocket import serve

    settings = load_settings(config)
    if host is not None:
        settings = settings.model_copy(update={"serving": settings.serving.model_copy(update={"host": host})})
    serving = settings.serving
    with listen(serving.host, serving.websocket_port if port is None else port) as listener:
        address, bound = listener.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        errors.print(f"WebSocket server on ws://{shown}:{bound}", soft_wrap=True)
        if AccessList(serving).is_exposed:
            errors.print(OPEN_TO_ALL, soft_wrap=True)
        serve(settings, listener)
