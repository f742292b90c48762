"""Stored and live market data for others: a REST API, a WebSocket server, a dashboard, and ports of metrics."""
