"""Live market data over WebSockets, for web pages and programs."""

from mdstream.serving.websocket.server import WebSocketServer, serve

__all__ = ["WebSocketServer", "serve"]
