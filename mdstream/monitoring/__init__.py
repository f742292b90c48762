"""Is it well? What looks at a running system and changes nothing.

The doctor, what is looked at before jobs start, what `mdstream metrics` measures, Grafana's dashboards. What changes
something to put it right belongs to `mdstream.operations`; what a process says of itself to `mdstream.telemetry`.
"""
