"""What became of forecasts: joined with the prices that came."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa

from mdstream.config import TimescaleSettings
from mdstream.schemas import BAR, PREDICTION, BarWindow
from mdstream.stores.timescaledb.connection import query_rows
from mdstream.stores.timescaledb.definitions import table_of


@dataclass(frozen=True)
class RealisedScore:
    """How the stored forecasts of one symbol and horizon did.

    Attributes:
        symbol: The instrument.
        horizon_minutes: How far ahead.
        outcomes: Forecasts whose price is known.
        mae: Mean absolute error.
        naive_mae: That of the last price.
        within: Share of the outcomes in the interval; None if no forecast had one.
    """

    symbol: str
    horizon_minutes: int
    outcomes: int
    mae: float
    naive_mae: float
    within: float | None

    @property
    def relative_mae(self) -> float | None:
        """The one error over the other, below 1 better than the last price; None if no price moved."""
        return self.mae / self.naive_mae if self.naive_mae else None


def realised_scores(
    database: TimescaleSettings, window: BarWindow, start: datetime, end: datetime
) -> list[RealisedScore]:
    """Hold the stored forecasts to the close of the bar that ends at their target, if there is one.

    Forecasts that were made by no model, or at or after their target, do not count.

    Args:
        database: Where forecasts and bars are.
        window: Of the bars.
        start: First target.
        end: Last target.

    Raises:
        StoreUnavailableError: The database cannot be reached.
        StoreError: It lacks a table.
    """
    made, bar = table_of(PREDICTION), table_of(BAR)
    error = sa.func.abs(made.c.predicted_price - bar.c.close)
    naive_error = sa.func.abs(made.c.naive_price - bar.c.close)
    within = sa.case(
        (made.c.lower.is_not(None), sa.cast(bar.c.close.between(made.c.lower, made.c.upper), sa.Integer)), else_=None
    )
    length = sa.text(f"interval '{window.seconds} seconds'")
    query = (
        sa.select(
            made.c.symbol,
            made.c.horizon_minutes,
            sa.func.count(),
            sa.func.avg(error),
            sa.func.avg(naive_error),
            sa.cast(sa.func.avg(within), sa.Double),
        )
        .join(
            bar,
            sa.and_(
                bar.c.symbol == made.c.symbol,
                bar.c.window == window.name,
                bar.c.window_start == made.c.target_time - length,
            ),
        )
        .where(
            made.c.target_time.between(start, end),
            made.c.made_at < made.c.target_time,
            made.c.relative_mae.is_not(None),
        )
        .group_by(made.c.symbol, made.c.horizon_minutes)
        .order_by(made.c.symbol, made.c.horizon_minutes)
    )
    names = [field.name for field in fields(RealisedScore)]
    return [RealisedScore(**dict(zip(names, row, strict=True))) for row in query_rows(database, query)]
