"""The option of commands that can read from the lake."""

from __future__ import annotations

from typing import Annotated

import typer

FromLake = Annotated[
    bool, typer.Option("--from-lake", help="Read from the lake (stores.lake), which needs mdstream[delta].")
]
