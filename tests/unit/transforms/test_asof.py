"""The newest row of the other side, held against pandas."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any, Literal

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.transforms import with_asof
from tests.unit.transforms.frames import at, frame_of

Way = Literal["backward", "forward", "nearest"]

BY = ["part", "symbol"]
LEFT = "part int, symbol string, t bigint, id int"
RIGHT = "part int, symbol string, t bigint, sequence bigint, bid double"

# Direction, tolerance, whether the same time counts, bucket.
CASES: list[tuple[Way, int | None, bool, int | None]] = [
    ("backward", None, True, 16),
    ("backward", 5, False, None),
    ("forward", 5, True, 8),
    ("forward", None, False, None),
    ("nearest", None, False, 8),
    ("nearest", 4, True, None),
]


def made_up(seed: int) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Forty series each with few times, so that many are equal, some empty, and numbers below 0 among them."""
    random = Random(seed)
    left: list[tuple[Any, ...]] = []
    right: list[tuple[Any, ...]] = []
    for part in range(20):
        span = random.choice([10, 60, 300])
        for symbol in "AB":
            for _ in range(random.choice([0, 3, 15])):
                left.append((part, symbol, random.randint(-span, span), len(left)))
            for _ in range(random.choice([0, 1, 10, 20])):
                bid = None if random.random() < 0.2 else random.random()
                right.append((part, symbol, random.randint(-span, span), len(right), bid))
    random.shuffle(left)
    random.shuffle(right)
    return left, right


def by_pandas(left: Sequence[Any], right: Sequence[Any], case: tuple[Way, int | None, bool, int | None]) -> list[Any]:
    """id and sequence of each pair that pandas finds; without a row of the right, None."""
    direction, tolerance, allow_exact, _ = case
    first, second = (
        pd.DataFrame(rows, columns=[field.split()[0] for field in schema.split(", ")]).sort_values(order)
        for rows, schema, order in ((left, LEFT, ["t", "id"]), (right, RIGHT, ["t", "sequence"]))
    )
    met = pd.merge_asof(
        first, second, on="t", by=BY, tolerance=tolerance, direction=direction, allow_exact_matches=allow_exact
    )
    pairs = zip(met["id"], met["sequence"], strict=True)
    return sorted((int(id_), None if pd.isna(number) else int(number)) for id_, number in pairs)


@pytest.fixture(scope="module")
def sides(spark: SparkSession) -> tuple[DataFrame, DataFrame]:
    left, right = made_up(7)
    return frame_of(spark, left, LEFT).cache(), frame_of(spark, right, RIGHT).cache()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pairs_are_those_of_pandas(
    sides: tuple[DataFrame, DataFrame], case: tuple[Way, int | None, bool, int | None]
) -> None:
    left, right = sides
    direction, tolerance, allow_exact, bucket = case
    met = left.transform(
        with_asof, right, "t", BY, tolerance=tolerance, direction=direction, allow_exact=allow_exact, bucket=bucket
    )
    found = sorted((row.id, row.sequence) for row in met.select("id", "sequence").collect())
    assert found == by_pandas(*made_up(7), case)
    assert sum(number is None for _, number in found) > 10
    assert len({number for _, number in found}) > 20


def test_a_whole_row_is_taken_and_no_row_is_lost(spark: SparkSession) -> None:
    left = frame_of(
        spark,
        [("A", at(2), 1.0), ("A", at(2), 1.0), ("A", None, 2.0), (None, at(2), 3.0), ("B", at(9), 4.0)],
        "symbol string, event_time timestamp, price double",
    )
    right = frame_of(
        spark,
        [("A", at(0), 9.0, 1), ("A", at(1), None, 2), (None, at(1), 7.0, 3), ("B", None, 8.0, 4), ("B", at(1), 6.0, 5)],
        "symbol string, event_time timestamp, price double, `of.day` int",
    )
    met = left.transform(with_asof, right, tolerance=timedelta(seconds=1))
    assert met.columns == ["symbol", "event_time", "price", "event_time_right", "price_right", "of.day"]
    micros = met.withColumns({name: F.unix_micros(name) for name in met.columns if name.startswith("event_time")})
    first = [int(at(seconds).timestamp() * 1e6) for seconds in range(10)]
    assert sorted(map(tuple, micros.collect()), key=str) == sorted(
        [
            # The null of the newest row stays, and the one before it is not asked.
            ("A", first[2], 1.0, first[1], None, 2),
            ("A", first[2], 1.0, first[1], None, 2),
            ("A", None, 2.0, None, None, None),
            (None, first[2], 3.0, None, None, None),
            ("B", first[9], 4.0, None, None, None),
        ],
        key=str,
    )


def test_equal_times_give_the_same_in_any_order_of_rows(spark: SparkSession) -> None:
    left = frame_of(spark, [("A", at(1))], "symbol string, event_time timestamp")
    rows = [("A", at(1), float(number), [number]) for number in range(20)]
    schema = "symbol string, event_time timestamp, bid double, codes array<int>"
    frames = [frame_of(spark, order, schema).repartition(3) for order in (rows, rows[10:] + rows[9::-1])]
    first, second = (left.transform(with_asof, frame) for frame in frames)
    assert len(first.unionAll(second).select("bid", "codes").distinct().collect()) == 1


def test_one_series_needs_no_key(spark: SparkSession) -> None:
    left = frame_of(spark, [(3,), (1,)], "t int")
    right = frame_of(spark, [(1, "a", {"k": 1}), (2, "b", {"k": 2})], "t int, name string, more map<string, int>")
    met = left.transform(with_asof, right, "t", (), allow_exact=False, suffix="_then", bucket=1)
    assert sorted(map(tuple, met.collect())) == [(1, None, None, None), (3, 2, "b", {"k": 2})]


def test_what_cannot_be_right_is_refused(spark: SparkSession) -> None:
    left = frame_of(spark, [], "symbol string, event_time timestamp, t bigint")
    right = left.select("symbol", "event_time", F.col("t").cast("int").alias("t"))
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("no direction 'back'; expected one of backward, forward, nearest", {"direction": "back"}),
        (
            "the right rows have no column x; found: symbol, event_time, t",
            {"by": "x", "left": left.withColumn("x", F.lit(1))},
        ),
        ("column t is bigint on the left and int on the right", {"on": "t"}),
        ("column symbol is string; expected timestamps or whole numbers", {"on": "symbol", "by": ()}),
        ("tolerance is 5; expected a timedelta", {"tolerance": 5}),
        ("bucket is 0:00:00; expected a length of time", {"bucket": timedelta()}),
        ("there would be two columns event_time", {"suffix": ""}),
        ("found a stream of right rows", {"right": spark.readStream.format("rate").load()}),
    ]
    for message, changes in wrong:
        given: dict[str, Any] = {"left": left, "right": right, **changes}
        with pytest.raises(InvalidInputError, match=message):
            with_asof(**given)
