"""What upkeep decides, without a server."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from mdstream.config import TimescaleSettings
from mdstream.schemas import STORED_TICK
from mdstream.stores.timescaledb.partitions import Partition, Partitions, plan
from mdstream.stores.timescaledb.steps import Step

TODAY = date(2024, 5, 10)
SETTINGS = TimescaleSettings(retention_days=30, partitions_ahead_days=2)
AHEAD = [date(2024, 5, day) for day in (9, 10, 11, 12)]
DEFAULT = "tick_data_default"
COLUMNS = ("symbol", "event_time")


def day_partition(day: date) -> Partition:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Partition(f"tick_data_p{day:%Y%m%d}", start, start + timedelta(days=1))


def found(
    *partitions: Partition,
    default: str | None = DEFAULT,
    default_days: dict[date, int] | None = None,
    expired_rows: dict[str, int] | None = None,
) -> Partitions:
    return Partitions(partitions, default, default_days or {}, COLUMNS, expired_rows or {})


def planned(partitions: Partitions) -> list[Step]:
    return plan(STORED_TICK, partitions, SETTINGS, TODAY)


def created(steps: list[Step]) -> list[str]:
    """Names of the partitions that the steps create, in order."""
    statements = [str(statement) for step in steps for statement in step.statements]
    return [text.split()[2] for text in statements if text.startswith("CREATE TABLE") and "FOR VALUES" in text]


def names(days: list[date]) -> list[str]:
    return [f"tick_data_p{day:%Y%m%d}" for day in days]


def test_a_new_table_gets_yesterday_and_the_days_ahead() -> None:
    assert created(planned(found())) == names(AHEAD)


def test_nothing_is_done_twice() -> None:
    assert planned(found(*map(day_partition, AHEAD))) == []


def test_only_missing_days_are_created() -> None:
    assert created(planned(found(*map(day_partition, AHEAD[:-1])))) == names(AHEAD[-1:])


def test_a_longer_partition_covers_its_days() -> None:
    may = Partition("tick_data_may", datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC))
    assert planned(found(may)) == []


def test_rows_in_the_default_partition_get_their_day_in_one_step_with_the_others() -> None:
    stray = {date(2024, 4, 20): 7, AHEAD[1]: 5}
    (step,) = planned(found(default_days=stray))
    assert created([step]) == names([date(2024, 4, 20), *AHEAD])
    assert (
        step.detail == "5 days 2024-04-20 to 2024-05-12, and move 12 rows of 2 days 2024-04-20 to 2024-05-10 into them"
    )


def test_rows_of_a_distant_future_stay_where_they_are() -> None:
    assert created(planned(found(default_days={date(2100, 1, 1): 1}))) == names(AHEAD)


@pytest.mark.parametrize(("day", "kept"), [(date(2024, 4, 10), True), (date(2024, 4, 9), False)])
def test_the_first_day_that_retention_keeps(day: date, kept: bool) -> None:
    steps = planned(found(*map(day_partition, AHEAD), default_days={day: 3}))
    if kept:
        assert [step.action for step in steps] == ["create partitions"]
        return
    (step,) = steps
    assert step.action == "drop old rows"
    assert step.detail == (
        "3 rows of 2024-04-09 in the default partition, before 2024-04-10, by stores.timescaledb.retention_days = 30"
    )


def test_old_partitions_are_dropped_and_their_rows_counted() -> None:
    old = [day_partition(date(2024, 3, 1)), day_partition(date(2024, 3, 2))]
    steps = planned(found(*old, *map(day_partition, AHEAD), expired_rows={old[0].name: 1_000, old[1].name: 234}))
    (step,) = steps
    assert [str(statement) for statement in step.statements] == [f"DROP TABLE {partition.name}" for partition in old]
    assert step.detail.startswith("1,234 rows of 2 days 2024-03-01 to 2024-03-02, before 2024-04-10")


def test_a_lost_default_partition_is_made_again() -> None:
    steps = planned(found(*map(day_partition, AHEAD), default=None))
    assert [str(statement) for step in steps for statement in step.statements] == [
        "CREATE TABLE tick_data_default PARTITION OF tick_data DEFAULT"
    ]


def test_many_days_are_made_in_several_transactions() -> None:
    settings = TimescaleSettings(retention_days=1000)
    days = {TODAY - timedelta(days=number): 1 for number in range(600)}
    steps = plan(STORED_TICK, found(default_days=days), settings, TODAY)
    assert [len(created([step])) for step in steps] == [250, 250, 107]
    assert len(set(created(steps))) == 607
