"""What Prometheus asks for."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from mdstream.serving.rest.responses import METRICS, REFUSALS

router = APIRouter(tags=["health"], responses=REFUSALS)


@router.get("/metrics", response_class=Response, responses=METRICS)
async def metrics() -> Response:
    """Return counts and times of this process in the text format of Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
