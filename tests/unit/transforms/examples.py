"""Examples of hypothesis by the hundred, for one frame: an action of Spark takes too long to have one each."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

Example = TypeVar("Example")


def examples_of(strategy: st.SearchStrategy[Example], count: int) -> list[Example]:
    """Draw examples, other ones in every run; a test that fails has to show which one it was."""
    drawn: list[Example] = []

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
    )
    @given(strategy)
    def draw(example: Example) -> None:
        drawn.append(example)

    draw()
    return drawn
