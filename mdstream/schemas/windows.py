"""Names and lengths of bar windows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mdstream.errors import InvalidInputError

MAX_WINDOW_SECONDS = 50 * 86_400
"""Longest window: trades of one are ranked by a number that has room for that many microseconds."""

_UNIT_SECONDS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}
_UNITS_OF_OTHERS = {
    **dict.fromkeys(("second", "seconds", "secs"), "s"),
    **dict.fromkeys(("minute", "minutes", "mins", "t"), "min"),
    **dict.fromkeys(("hours", "hr", "hrs"), "h"),
    "days": "d",
}
_NAME = re.compile(r"([0-9]{1,9})([a-z]+)")
_ALMOST = re.compile(r"\s*([0-9]{1,9})[\s_-]*([A-Za-z]+)\s*(@[A-Za-z0-9_/+-]+)?\s*")


@dataclass(frozen=True)
class BarWindow:
    """A tumbling window [start, start + seconds), aligned to the epoch.

    Attributes:
        name: What bars of this window are called, e.g. `1min`.
        seconds: Length in seconds, at least 1.
    """

    name: str
    seconds: int

    def __post_init__(self) -> None:
        if "@" in self.name:
            raise InvalidInputError(
                f"window '{self.name}' is one of a calendar, and expected are windows of a length here, e.g. 30min: "
                "windows of calendars are for to_bars and mdstream bars, not for live bars"
            )
        if self.seconds < 1:
            raise InvalidInputError(f"window '{self.name}' has {self.seconds} seconds; expected at least 1")
        said = _seconds_said(self.name)
        if said is not None and said != self.seconds:
            raise InvalidInputError(
                f"window '{self.name}' has {self.seconds} seconds, and its name says {said}; change one of them"
            )

    @classmethod
    def parse(cls, name: str) -> BarWindow:
        """Read a window from its name: a number and a unit of s, min, h or d.

        Raises:
            InvalidInputError: The name is not of that form.

        Example:
            >>> BarWindow.parse("5min")
            BarWindow(name='5min', seconds=300)
        """
        seconds = _seconds_said(name)
        if seconds is None and "@" not in name:
            raise InvalidInputError(
                f"window '{name}' is not a number and a unit (s, min, h, d), e.g. 1min or 4h{nearest_window(name)}"
            )
        return cls(name, seconds or 0)


def nearest_window(name: str) -> str:
    """Return a hint to put behind an error: the same window as it is to be written, if that can be told.

    Example:
        >>> nearest_window("5 Minutes"), nearest_window("30 min@XNYS"), nearest_window("soon")
        ("; did you mean '5min'?", "; did you mean '30min@XNYS'?", '')
    """
    match = _ALMOST.fullmatch(name)
    if match is None:
        return ""
    number, unit, calendar = match.groups(default="")
    # 1M is a month to pandas, and a minute to others.
    unit = "" if unit == "M" else _UNITS_OF_OTHERS.get(unit.lower(), unit.lower())
    return f"; did you mean '{number}{unit}{calendar}'?" if unit in _UNIT_SECONDS else ""


def _seconds_said(name: str) -> int | None:
    """Return the length that a name says; None if it says none."""
    match = _NAME.fullmatch(name)
    if match is None or match[2] not in _UNIT_SECONDS:
        return None
    return int(match[1]) * _UNIT_SECONDS[match[2]]


def check_lengths(windows: Sequence[BarWindow]) -> None:
    """See that the windows are of different lengths, and none is too long.

    Raises:
        InvalidInputError: Two are equally long, or one is longer than `MAX_WINDOW_SECONDS`.
    """
    if not windows:
        return
    if len({window.seconds for window in windows}) < len(windows):
        raise InvalidInputError(f"two of the windows {', '.join(window.name for window in windows)} are equally long")
    longest = max(windows, key=lambda window: window.seconds)
    if longest.seconds > MAX_WINDOW_SECONDS:
        raise InvalidInputError(f"window {longest.name} is longer than {MAX_WINDOW_SECONDS // 86_400} days")


def group_windows(windows: Iterable[BarWindow]) -> list[tuple[BarWindow, ...]]:
    """Split windows into as few groups as it takes, the longest last in each.

    A group is a set of windows that all divide its longest one, so that each lies wholly within one window
    of that length. One streaming query builds all bars of a group.

    Raises:
        InvalidInputError: There is no window, or two have the same name.

    Example:
        >>> [[w.name for w in group] for group in group_windows(map(BarWindow.parse, ["1min", "5min", "7min"]))]
        [['1min', '7min'], ['5min']]
    """
    ordered = sorted(windows, key=lambda window: window.seconds, reverse=True)
    names = [window.name for window in ordered]
    if not names or len(set(names)) < len(names):
        raise InvalidInputError(f"expected windows with different names, found: {', '.join(names) or 'none'}")
    groups: list[list[BarWindow]] = []
    for window in ordered:
        home = next((group for group in groups if group[0].seconds % window.seconds == 0), None)
        if home is None:
            groups.append([window])
        else:
            home.append(window)
    return [tuple(reversed(group)) for group in groups]
