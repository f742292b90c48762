"""Topics and checkpoints by the names that are declared and configured."""

from __future__ import annotations

import pytest

from mdstream.config import Settings, SparkSettings
from mdstream.schemas import BAR, STORED_TICK, TICK
from mdstream.streaming.kafka import checkpoint_of


def test_a_record_knows_its_topic() -> None:
    assert (TICK.topic_name, BAR.topic_name) == ("tick_data", "aggregated_data")
    with pytest.raises(ValueError, match="no topic carries a stored tick"):
        _ = STORED_TICK.topic_name


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("checkpoints", "checkpoints/store_ticks"),
        ("/var/lib/checkpoints/", "/var/lib/checkpoints/store_ticks"),
        ("s3a://bucket/path", "s3a://bucket/path/store_ticks"),
    ],
)
def test_each_query_has_a_checkpoint_of_its_own(location: str, expected: str) -> None:
    settings = Settings(spark=SparkSettings(checkpoint_location=location))
    assert checkpoint_of(settings, "store_ticks") == expected
