"""All symbols at one time: what was known of each, and how it stands among the others."""

from mdstream.transforms.cross_section.breadth import to_breadth, to_movers
from mdstream.transforms.cross_section.ranks import with_ranks, with_z_scores
from mdstream.transforms.cross_section.snapshot import to_snapshot

__all__ = ["to_breadth", "to_movers", "to_snapshot", "with_ranks", "with_z_scores"]
