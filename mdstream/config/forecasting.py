"""Settings of price forecasts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from mdstream.config.section import Section

Horizon = Annotated[int, Field(ge=1, description="minutes")]


class ForecastSettings(Section):
    """Models that forecast prices, how they are trained, and what is done where there is none."""

    models: Path = Field(Path("models"), description="folder of the trained models")
    horizons_minutes: tuple[Horizon, ...] = Field(
        (5,), min_length=1, description="how far ahead; multiples of the shortest window"
    )
    naive_without_model: bool = Field(
        False, description="the stream says the last price where there is no usable model; else it says nothing"
    )
    coverage: float = Field(0.9, gt=0, lt=1, description="share of outcomes that are meant to lie in the interval")
    training_days: int = Field(30, ge=1, description="bars of this many days before the newest are trained on")
    folds: int = Field(5, ge=1, description="refits of the walk-forward evaluation over the later half of the bars")
    rounds: int = Field(200, ge=1, description="boosting rounds")
    max_depth: int = Field(3, ge=1, description="depth of a tree")
    learning_rate: float = Field(0.05, gt=0, le=1, description="how much of each tree is taken")
    min_child_weight: float = Field(20, ge=0, description="fewest rows in a leaf")
    subsample: float = Field(0.8, gt=0, le=1, description="share of the rows that a tree sees")
    threads: int = Field(1, ge=0, description="threads of one training; as many trainings as cores run at a time")
