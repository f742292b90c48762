"""Live market data over WebSockets, for web pages and programs."""

from mdstream.errors import brought_by

with brought_by("serving"):
    from mdstream.serving.websocket.server import WebSocketServer, serve

__all__ = ["WebSocketServer", "serve"]
