"""The endpoints that say whether the API works."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request

from mdstream.serving.rest.admission import NAME_IN_SCOPE
from mdstream.serving.rest.errors import ApiError, error_responses
from mdstream.serving.rest.models import Alive, Ready
from mdstream.serving.rest.responses import OPEN_REFUSALS
from mdstream.serving.rest.stores import OpenStores

router = APIRouter(prefix="/health", tags=["health"], responses=OPEN_REFUSALS)

_HIDDEN = "unavailable"
_SWITCHED_OFF = "switched off"


@router.get("/live")
async def live() -> Alive:
    """Say that the process answers; it asks nobody else."""
    return Alive()


@router.get("/ready", responses=error_responses(503))
async def ready(request: Request, stores: OpenStores) -> Ready:
    """Ask Redis and the database; 503 says which of them is missing, and why.

    Where a key is needed, those without one are not told why.
    """
    redis, database = await asyncio.gather(stores.newest.problem(), stores.database.problem())
    problems = {"redis": redis, "database": database}
    if request.scope[NAME_IN_SCOPE] is None:
        problems = {server: problem and _HIDDEN for server, problem in problems.items()}
    states = {server: problem or "ok" for server, problem in problems.items()}
    if not stores.newest.is_used:
        states["redis"] = _SWITCHED_OFF
    if redis or database:
        missing = "; ".join(f"{server}: {problem}" for server, problem in problems.items() if problem)
        raise ApiError(503, "not_ready", missing, servers=states)
    return Ready(servers=states)
