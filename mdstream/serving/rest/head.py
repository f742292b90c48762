"""What HTTP wants of every path: HEAD as GET without the body, OPTIONS, and what caches may do with an answer."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from mdstream.serving.middleware import HttpMiddleware

_ALLOWED = "GET, HEAD, OPTIONS"


class HeadAndCaching(HttpMiddleware):
    """Lets endpoints know of GET alone, and caches ask before they show an answer again.

    What is asked for changes with every trade. An answer with an `ETag` may be kept and asked for again with
    `If-None-Match`; any other is not to be kept, and none is for other clients than the one that asked.
    """

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        without_body = method == "HEAD"

        async def answer(message: Message) -> None:
            nonlocal without_body
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "private, no-cache" if "etag" in headers else "no-store")
                if message["status"] == HTTPStatus.METHOD_NOT_ALLOWED:
                    headers["Allow"] = _ALLOWED
                    if method == "OPTIONS":
                        without_body = True
                        message["status"] = HTTPStatus.NO_CONTENT
                        del headers["Content-Type"], headers["Content-Length"]
            elif without_body and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"} if method == "HEAD" else scope, receive, answer)
