"""Refusals and failures of the API, all in one body: `{"error": {"code", "message", ...}}`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from mdstream.errors import MdstreamError
from mdstream.serving.safety_headers import safety_headers
from mdstream.stores.timescaledb.reading import ReadingError

logger = logging.getLogger(__name__)
_LONGEST_INPUT_SHOWN = 80


class ErrorDetail(BaseModel):
    """What went wrong; fields that do not apply are left out."""

    code: str = Field(description="stable name of the error, for programs")
    message: str = Field(description="what was found, what was expected and what to do, for people")
    field: str | None = Field(None, description="the parameter that has to change")
    known: list[str] | None = Field(None, description="values that would be accepted, the nearest first")
    servers: dict[str, str] | None = Field(None, description="state of each server behind the API: ok, or why not")


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorDetail


class ApiError(MdstreamError):
    """A request that is answered with an error body.

    Attributes:
        status: HTTP status code.
        detail: What the body says.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        known: Sequence[str] | None = None,
        servers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.detail = ErrorDetail(
            code=code,
            message=message,
            field=field,
            known=None if known is None else list(known),
            servers=None if servers is None else dict(servers),
        )


def invalid_parameter(field: str, message: str, known: Sequence[str] | None = None) -> ApiError:
    """Return the answer to a parameter that cannot be used."""
    return ApiError(422, "invalid_parameter", f"{field}: {message}", field=field, known=known)


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of error answers for the OpenAPI document."""
    meanings = {
        401: "No key, or nobody's",
        403: "Not for this web page, or not under this host name",
        404: "Nothing is stored under that name",
        405: "Only GET is answered",
        413: "The request has a body",
        414: "The URL is too long",
        422: "A parameter cannot be used",
        429: "Too many requests; Retry-After says when to come back",
        500: "The request failed inside the server",
        503: "A server behind the API cannot be reached",
    }
    return {status: {"model": ErrorBody, "description": meanings[status]} for status in statuses}


def install_error_handlers(app: FastAPI) -> None:
    """Make `app` answer every error with an `ErrorBody`, and nobody see a stack trace."""
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(ReadingError, _on_reading_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_unexpected_error)


def error_answer(error: ApiError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the response that an error is answered with."""
    body = ErrorBody(error=error.detail).model_dump(exclude_none=True)
    return JSONResponse(body, error.status, headers)


async def _on_api_error(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, ApiError)  # noqa: S101 - registered for this class alone
    return error_answer(exc, {"Retry-After": "1"} if exc.status == 503 else None)


async def _on_reading_error(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, ReadingError)  # noqa: S101 - registered for this class alone
    return await _on_api_error(request, ApiError(503, exc.code, str(exc)))


async def _on_invalid_request(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, RequestValidationError)  # noqa: S101 - registered for this class alone
    return error_answer(_explain(exc.errors()[0]))


def _explain(problem: Mapping[str, Any]) -> ApiError:
    field = str(problem.get("ctx", {}).get("field", problem["loc"][-1]))
    message = str(problem["msg"]).removeprefix("Value error, ")
    found = problem.get("input")
    if isinstance(found, str) and problem["type"] != "missing":
        shown = found if len(found) <= _LONGEST_INPUT_SHOWN else f"{found[:_LONGEST_INPUT_SHOWN]}…"
        message = f"{message}; found '{shown}'"
    return invalid_parameter(field, message)


async def _on_http_error(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)  # noqa: S101 - registered for this class alone
    known = {
        404: ("not_found", f"there is nothing at {request.url.path}; the endpoints are listed at /docs"),
        405: ("method_not_allowed", f"{request.url.path} does not answer {request.method}; see /docs"),
    }
    code, message = known.get(exc.status_code, ("request_refused", str(exc.detail)))
    return error_answer(ApiError(exc.status_code, code, message), exc.headers)


async def _on_unexpected_error(request: Request, exc: Exception) -> JSONResponse:
    logger.error("%s %s failed: %s", request.method, request.url.path, type(exc).__name__)
    error = ApiError(500, "internal_error", "the request failed inside the server; its log says why")
    # Of what failed no middleware sees the answer.
    return error_answer(error, safety_headers())
