"""Bars that end after so much activity, instead of after so much time."""

from mdstream.transforms.activity.activity_bars import Crossing, to_activity_bars
from mdstream.transforms.activity.bars_of_parts import Measure
from mdstream.transforms.activity.information_bars import to_imbalance_bars, to_run_bars

__all__ = ["Crossing", "Measure", "to_activity_bars", "to_imbalance_bars", "to_run_bars"]
