"""Grafana's dashboards, made with grafana-foundation-sdk: `python -m mdstream.monitoring.dashboards` writes them."""
