"""The dashboard: charts, prices, anomalies and the state of the servers, in a browser."""

from mdstream.serving.dashboard.app import create_dashboard

__all__ = ["create_dashboard"]
