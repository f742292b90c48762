from __future__ import annotations

import pickle
import uuid

import pyarrow as pa
import pytest

from mdstream.errors import SinkError
from mdstream.schemas import BAR, STORED_TICK, TICK
from mdstream.stores import MemorySink
from tests.unit.stores.rows import bar, bars, tick, ticks


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink(f"test-{uuid.uuid4()}")


def test_ticks_without_a_coordinate_are_all_kept(sink: MemorySink) -> None:
    equal = ticks(tick()).select(TICK.schema.names)
    sink.write(equal)
    sink.write(equal)
    assert sink.rows(TICK).num_rows == 2


def test_records_are_kept_apart(sink: MemorySink) -> None:
    sink.write(ticks(tick()))
    sink.write(bars(bar()))
    assert sink.rows(STORED_TICK).num_rows == 1
    assert sink.rows(BAR).num_rows == 1


def test_sinks_of_one_name_are_one_store_and_others_are_not(sink: MemorySink) -> None:
    pickle.loads(pickle.dumps(sink)).write(bars(bar()))  # noqa: S301 - our own
    assert sink.rows(BAR).num_rows == 1
    assert MemorySink(f"{sink.name}-other").rows(BAR).num_rows == 0


def test_clear_forgets(sink: MemorySink) -> None:
    sink.write(bars(bar()))
    sink.clear()
    assert sink.rows(BAR).num_rows == 0


def test_columns_of_no_record_are_refused(sink: MemorySink) -> None:
    with pytest.raises(SinkError, match="no record has the columns colour, shape"):
        sink.write(pa.RecordBatch.from_pydict({"shape": ["round"], "colour": ["red"]}))
