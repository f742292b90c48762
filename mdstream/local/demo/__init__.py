"""Everything of mdstream at once, on servers of its own."""

from mdstream.local.demo.demo import Demo, Summary
from mdstream.local.demo.meter import Latency, Snapshot
from mdstream.local.demo.processes import DemoOptions

__all__ = ["Demo", "DemoOptions", "Latency", "Snapshot", "Summary"]
