"""Everything of mdstream at once, on servers of its own."""

from mdstream.local.demo.demo import Demo, Summary
from mdstream.local.demo.meter import Snapshot
from mdstream.local.demo.processes import DemoOptions
from mdstream.operations.latency import Latency

__all__ = ["Demo", "DemoOptions", "Latency", "Snapshot", "Summary"]
