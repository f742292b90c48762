"""Everything of mdstream at once, on servers of its own."""

from mdstream.demo.demo import Demo, Summary
from mdstream.demo.meter import Snapshot
from mdstream.demo.processes import DemoOptions
from mdstream.kafka.latency import Latency

__all__ = ["Demo", "DemoOptions", "Latency", "Snapshot", "Summary"]
