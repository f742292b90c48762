"""Snapshots, ranks, breadth and movers: against plain loops and pandas."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.schemas import BAR
from mdstream.schemas.session_windows import parse_window
from mdstream.testing import frame_of
from mdstream.transforms import to_breadth, to_movers, to_snapshot, with_ranks, with_z_scores
from tests.unit.transforms.frames import at
from tests.unit.transforms.sessions import ny, stock_exchange

Shown = list[tuple[int, str, int]]


def minutes(spark: SparkSession, ends: dict[str, list[int]]) -> DataFrame:
    """A bar of each symbol for each minute that it ends at; its count says which."""
    rows = [
        {"symbol": symbol, "window_start": at(60 * end - 60), "window_end": at(60 * end), "trade_count": end}
        for symbol, found in ends.items()
        for end in reversed(found)
    ]
    return frame_of(spark, BAR, rows)


def shown(snapshot: DataFrame) -> Shown:
    """Minute of the snapshot, symbol, and minute of its bar's end."""
    minute = (F.unix_seconds("snapshot_time") - int(at(0).timestamp())) / 60
    rows = snapshot.select(minute.cast("int").alias("minute"), "symbol", "trade_count").collect()
    return sorted((row.minute, row.symbol, row.trade_count) for row in rows)


def by_loop(ends: dict[str, list[int]], times: list[int], age: int) -> Shown:
    newest = [(time, symbol, max((end for end in found if end <= time), default=-age - 1))
              for time in times for symbol, found in ends.items()]  # fmt: skip
    return sorted((time, symbol, end) for time, symbol, end in newest if time - end <= age)


def test_a_snapshot_has_what_was_known(spark: SparkSession) -> None:
    random = np.random.default_rng(5)
    ends = {f"S{n}": sorted(random.choice(40, int(random.integers(1, 9)), replace=False).tolist()) for n in range(8)}
    bars = minutes(spark, ends).cache()
    assert shown(bars.transform(to_snapshot, at(20 * 60 + 59))) == [
        (20, symbol, end) for _, symbol, end in by_loop(ends, [20], 100)
    ]
    assert shown(bars.transform(to_snapshot, at(20 * 60), max_age=timedelta(minutes=6))) == by_loop(ends, [20], 6)
    fives = sorted({-(-end // 5) * 5 for found in ends.values() for end in found})
    assert shown(bars.transform(to_snapshot, every="5min")) == by_loop(ends, fives, 100)
    assert shown(bars.transform(to_snapshot, every="5min", max_age=timedelta(minutes=7))) == by_loop(ends, fives, 7)


def test_snapshots_of_sessions_are_at_their_ends(spark: SparkSession) -> None:
    spans = {"A": ["06 09:30", "06 15:59"], "B": ["06 10:00", "06 16:30", "10 09:30"]}
    rows = [
        {"symbol": symbol, "window_start": ny(f"2026-03-{begin}"),
         "window_end": ny(f"2026-03-{begin}") + timedelta(minutes=1), "trade_count": number}
        for symbol, begins in spans.items()
        for number, begin in enumerate(begins)
    ]  # fmt: skip
    day = parse_window("1d@NY", [stock_exchange()])
    snapshot = frame_of(spark, BAR, rows).transform(to_snapshot, every=day)
    second = F.unix_seconds("snapshot_time").alias("second")
    found = sorted(tuple(row) for row in snapshot.select(second, "symbol", "trade_count").collect())
    friday, tuesday = (int(ny(f"2026-03-{close}").timestamp()) for close in ("06 16:00", "10 13:00"))
    assert found == [(friday, "A", 1), (friday, "B", 0), (tuesday, "A", 1), (tuesday, "B", 2)]


def test_ranks_and_scores_are_those_of_pandas(spark: SparkSession) -> None:
    random = np.random.default_rng(9)
    rows = pd.DataFrame({
        "symbol": [f"S{n:02}" for n in range(24)],
        "window": "1d",
        "second": np.repeat([60, 120, 180], [12, 11, 1]),
        "move": random.integers(-3, 4, 24) / 8,
        "volume": random.integers(1, 9, 24).astype(float),
    })  # fmt: skip
    rows.loc[[3, 15], "move"] = np.nan
    cells = [[None if pd.isna(value) else value for value in row] for row in rows.to_numpy().tolist()]
    frame = spark.createDataFrame(cells, "symbol string, window string, second bigint, move double, volume double")
    snapshot = frame.withColumn("snapshot_time", F.timestamp_seconds("second")).cache()
    scored = snapshot.transform(with_ranks, ["move", "volume"]).transform(with_z_scores, "move")
    found = scored.drop("snapshot_time").toPandas().sort_values("symbol", ignore_index=True)
    of_time = rows.groupby("second")["move"]
    others = of_time.transform("count") - 1
    expected = {
        "move_rank": of_time.rank(method="min", ascending=False),
        "move_percentile": ((of_time.rank(method="min") - 1) / others.where(others > 0)),
        "move_z": (rows["move"] - of_time.transform("mean")) / of_time.transform("std"),
        "volume_rank": rows.groupby("second")["volume"].rank(method="min", ascending=False),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found[name].astype(float), values, rtol=1e-12, err_msg=name)
    changes = rows.assign(sign=np.sign(rows["move"]))
    breadth = {row.second: row for row in snapshot.transform(to_breadth, of="move")
               .withColumn("second", F.unix_seconds("snapshot_time")).collect()}  # fmt: skip
    for second, group in changes.groupby("second"):
        counts, volumes = group.groupby("sign").size(), group.groupby("sign")["volume"].sum()
        row = breadth[second]
        assert (row.advances, row.declines, row.unchanged) == tuple(counts.get(sign, 0) for sign in (1, -1, 0))
        assert (row.advance_volume, row.decline_volume) == tuple(volumes.get(sign, 0.0) for sign in (1, -1))
        assert row.advance_share == pytest.approx(counts.get(1, 0) / (counts.get(1, 0) + counts.get(-1, 0)))
    movers = snapshot.where("second = 60").transform(to_movers, 3, of="move").collect()
    first = changes[changes["second"] == 60]
    rising = first[first["sign"] > 0].sort_values(["move", "symbol"], ascending=[False, True])["symbol"].head(3)
    falling = first[first["sign"] < 0].sort_values(["move", "symbol"])["symbol"].head(3)
    expected_movers = {symbol: n for n, symbol in enumerate(rising, 1)} | {
        symbol: -n for n, symbol in enumerate(falling, 1)
    }
    assert {row.symbol: row.mover_rank for row in movers} == expected_movers


def test_what_is_no_snapshot_is_refused(spark: SparkSession) -> None:
    bars = frame_of(spark, BAR)
    for times in ({}, {"at": at(0), "every": "5min"}):
        with pytest.raises(InvalidInputError, match="expected either at=, a time, or every=, a window"):
            bars.transform(to_snapshot, **times)
    with pytest.raises(InvalidInputError, match="is not an instant without a time zone"):
        bars.transform(to_snapshot, at(0).replace(tzinfo=None))
    with pytest.raises(InvalidInputError, match="expected none below 0"):
        bars.transform(to_snapshot, at(0), max_age=timedelta(seconds=-1))
    with pytest.raises(InvalidInputError, match="snapshots have no column snapshot_time"):
        bars.transform(with_ranks, "volume")
    with pytest.raises(InvalidInputError, match="found count 0; expected at least 1"):
        bars.transform(to_movers, 0)
