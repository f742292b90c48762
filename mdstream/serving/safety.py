"""The headers of `safety_headers` on every answer of a web application."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from mdstream.serving.middleware import HttpMiddleware
from mdstream.serving.safety_headers import safety_headers


class Safety(HttpMiddleware):
    """Adds `safety_headers` to all answers, where they have none of their own.

    Args:
        app: What answers.
    """

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in safety_headers().items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_safe)
