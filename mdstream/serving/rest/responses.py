"""What the OpenAPI document says of answers beside their model."""

from __future__ import annotations

from typing import Any

from mdstream.serving.rest.errors import error_responses
from mdstream.serving.rest.formats import Format

Responses = dict[int | str, dict[str, Any]]

_SOURCE = {
    "X-Source": {
        "description": "who answered: redis, or database",
        "schema": {"type": "string", "enum": ["redis", "database"]},
    }
}
_FRESHNESS = {"Cache-Control": {"description": "how long it holds", "schema": {"type": "string"}}}
_TAG = {"ETag": {"description": "send it as If-None-Match: 304 if nothing changed", "schema": {"type": "string"}}}
_NEXT = {
    "X-Next-Cursor": {"description": "next_cursor, where there is a next page", "schema": {"type": "string"}},
    "Link": {"description": 'the next page, as rel="next"', "schema": {"type": "string"}},
}
_TABLES = {
    Format.CSV.media_type.partition(";")[0]: {"schema": {"type": "string"}},
    Format.ARROW.media_type: {"schema": {"type": "string", "format": "binary"}},
}

OPEN_REFUSALS: Responses = error_responses(403, 405, 413, 414, 429, 500)
"""What any request may be answered with."""

REFUSALS: Responses = OPEN_REFUSALS | error_responses(401)
"""The same, where a key is needed."""

METRICS: Responses = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
"""Of the metrics of Prometheus."""

MOVERS: Responses = {
    200: {"headers": _SOURCE | _FRESHNESS, "content": _TABLES},
    **error_responses(422, 503),
}
"""Of the movers."""

LATEST: Responses = {200: {"headers": _SOURCE | _FRESHNESS}, **error_responses(404, 422, 503)}
"""Of the newest tick."""

SYMBOLS: Responses = {200: {"headers": _SOURCE | _FRESHNESS}, **error_responses(503)}
"""Of the list of symbols."""

PAGE: Responses = {
    200: {"headers": _SOURCE | _FRESHNESS | _TAG | _NEXT, "content": _TABLES},
    304: {"description": "Nothing changed since the answer whose ETag was sent", "headers": _TAG},
    **error_responses(404, 422, 503),
}
"""Of a page of a series."""
