"""Live bars go on from the state that an older version has left."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from mdstream.indicators import indicator_record
from mdstream.schemas import BAR
from mdstream.transforms import to_bars, with_indicators
from tests.streaming.streams import add_file, by_key
from tests.unit.streaming.test_live_analysis import of_topic
from tests.unit.transforms.frames import ticks_frame
from tests.upgrade.state_file import INDICATORS, TABLE, WINDOWS, unpack, worked_off

FILES = sorted(Path(__file__).parent.glob("state_*.tar.gz"))


def test_there_is_a_state_of_before() -> None:
    assert FILES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_bars_and_indicators_go_on_from_it(file: Path, spark: SparkSession, tmp_path: Path) -> None:
    before, behind = unpack(file, tmp_path)
    add_file(tmp_path / "ticks", behind)
    records = [record for batch in worked_off(spark, tmp_path) for record in batch]

    bars = ticks_frame(spark, before + behind).transform(to_bars, WINDOWS, conditions=TABLE)
    table = bars.transform(with_indicators, INDICATORS).toArrow()
    expected = by_key(table.to_pylist())
    told = by_key(of_topic(records, BAR))
    analysed = by_key(of_topic(records, indicator_record(INDICATORS)))
    for record, rows in ((BAR, told), (indicator_record(INDICATORS), analysed)):
        assert pa.Table.from_pylist([*rows.values()], schema=record.schema).num_rows
    assert len(told) > 50
    names = BAR.schema.names
    assert told == {key: {name: expected[key][name] for name in names} for key in told}
    assert told.keys() == by_key(ticks_frame(spark, behind).transform(to_bars, WINDOWS).toArrow().to_pylist()).keys()

    averages = {key: row["sma_5"] for key, row in analysed.items()}
    assert len(averages) >= len(told)
    assert averages == {key: expected[key]["sma_5"] for key in averages}
