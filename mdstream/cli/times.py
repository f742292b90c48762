"""Times as they are given on the command line."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias

import typer

_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]

From: TypeAlias = Annotated[datetime, typer.Option("--from", formats=_FORMATS, help="First instant, UTC.")]
To: TypeAlias = Annotated[datetime, typer.Option("--to", formats=_FORMATS, help="First instant after, UTC.")]
