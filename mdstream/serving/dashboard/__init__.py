"""The dashboard: charts, prices, anomalies and the state of the servers, in a browser."""

from mdstream.errors import brought_by

with brought_by("dashboard"):
    from mdstream.serving.dashboard.app import create_dashboard

__all__ = ["create_dashboard"]
