from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.config.settings import WindowConfiguration
from mdstream.errors import InvalidInputError
from mdstream.schemas import BarWindow, group_windows
from mdstream.schemas.session_windows import parse_window, read_windows


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("1s", 1),
        ("30sec", 30),
        ("1m", 60),
        ("1min", 60),
        ("15min", 900),
        ("1h", 3600),
        ("4hour", 14_400),
        ("1d", 86_400),
        ("2day", 172_800),
        ("05min", 300),
    ],
)
def test_a_name_says_the_length(name: str, seconds: int) -> None:
    assert BarWindow.parse(name) == BarWindow(name, seconds)


@pytest.mark.parametrize(
    "name",
    ["", "min", "1", "1 min", "1MIN", "-1min", "1.5min", "1week", "min1", "1min ", "1min\n", "١min", "9" * 5000 + "s"],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="is not a number and a unit"):
        BarWindow.parse(name)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("1 min", "1min"),
        ("5Minutes", "5min"),
        ("30 T", "30min"),
        ("2_hours", "2h"),
        ("10secs", "10s"),
        ("3 DAYS", "3d"),
        ("30 min@XNYS", "30min@XNYS"),
    ],
)
def test_the_nearest_right_form_is_shown(name: str, nearest: str) -> None:
    with pytest.raises(InvalidInputError, match=f"; did you mean '{nearest}'"):
        parse_window(name)


@pytest.mark.parametrize("name", ["1M", "1week", "soon", "1", "min@XNYS"])
def test_what_may_mean_anything_has_no_nearest_form(name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_window(name)
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("form", ["1min", BarWindow("1min", 60), ["1min"], (BarWindow("1min", 60),)], ids=str)
def test_windows_may_be_given_in_any_form(form: Any) -> None:  # noqa: ANN401
    assert read_windows(form) == [BarWindow("1min", 60)]


@pytest.mark.parametrize(("name", "seconds"), [("5min", 60), ("1h", 60), ("90s", 900)])
def test_a_name_that_says_another_length_is_refused(name: str, seconds: int) -> None:
    with pytest.raises(InvalidInputError, match=f"window '{name}' has {seconds} seconds, and its name says"):
        BarWindow(name, seconds)
    with pytest.raises(ValueError, match="its name says"):
        WindowConfiguration(name=name, duration=seconds)
    assert BarWindow("fast", seconds).seconds == seconds


def test_a_window_has_a_length() -> None:
    with pytest.raises(InvalidInputError, match="window '0min' has 0 seconds; expected at least 1"):
        BarWindow.parse("0min")
    with pytest.raises(InvalidInputError, match="expected at least 1"):
        BarWindow("odd", -60)


def groups_of(*names: str) -> list[list[str]]:
    return [[window.name for window in group] for group in group_windows(map(BarWindow.parse, names))]


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["1min"], [["1min"]]),
        (["1min", "5min", "15min"], [["1min", "5min", "15min"]]),
        (["15min", "1min", "5min"], [["1min", "5min", "15min"]]),
        (["4min", "6min"], [["6min"], ["4min"]]),
        (["4min", "6min", "12min"], [["4min", "6min", "12min"]]),
        (["1min", "60s"], [["60s", "1min"]]),
    ],
)
def test_windows_nest_in_one_that_they_divide(names: list[str], groups: list[list[str]]) -> None:
    assert sorted(map(sorted, groups_of(*names))) == sorted(map(sorted, groups))


def test_the_longest_is_the_last_of_its_nest() -> None:
    assert groups_of("5min", "1h", "1min", "7min") == [["1min", "5min", "1h"], ["7min"]]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=12, unique=True))
def test_nests_hold_every_window_and_are_as_few_as_can_be(lengths: list[int]) -> None:
    windows = [BarWindow(f"{seconds}s", seconds) for seconds in lengths]

    groups = group_windows(windows)

    assert sorted(window.seconds for group in groups for window in group) == sorted(lengths)
    for group in groups:
        assert all(group[-1].seconds % window.seconds == 0 for window in group)
        assert [window.seconds for window in group] == sorted(window.seconds for window in group)
    # A window that divides no other one needs a group of its own, and no other window does.
    tops = [length for length in lengths if not any(other % length == 0 for other in lengths if other != length)]
    assert len(groups) == len(tops)


@pytest.mark.parametrize(
    ("windows", "found"),
    [([], "none"), ([BarWindow("a", 1), BarWindow("a", 2)], "a, a")],
)
def test_windows_have_different_names(windows: list[BarWindow], found: str) -> None:
    with pytest.raises(InvalidInputError, match=f"expected windows with different names, found: {found}"):
        group_windows(windows)
