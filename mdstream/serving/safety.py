"""The headers of `safety_headers` on every answer of a web application."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mdstream.serving.safety_headers import safety_headers


class Safety:
    """Adds `safety_headers` to all answers, where they have none of their own.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in safety_headers().items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_safe)
