"""The option of commands that serve their metrics if they are told to."""

from __future__ import annotations

from typing import Annotated

import typer

MetricsPort = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        min=1,
        max=65535,
        help="Serve metrics for Prometheus on this port of monitoring.host; else as the section monitoring says.",
        show_default=False,
    ),
]
