"""Rows with a dead letter go where dead letters go, all others to the stores."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from mdstream.errors import SinkError
from mdstream.schemas import ANOMALY, BAR, DEAD_LETTER
from mdstream.stores import MemorySink
from mdstream.streaming import AcceptedOrDeadLetter, ByRecord
from mdstream.transforms import DEAD_LETTER_COLUMN

TIME = datetime(2026, 1, 2, 14, 30, tzinfo=UTC)
LETTER = {"source": "aggregated_data", "reason": "not a bar", "payload": "x", "received_time": TIME}
BAR_ROW: dict[str, Any] = {
    **dict.fromkeys(("open", "high", "low", "close", "volume", "vwap"), 1.0),
    **dict.fromkeys(("window_start", "window_end", "last_event_time"), TIME),
    "window": "1min",
    "trade_count": 1,
    "last_ingest_time": None,
}
SCHEMA = pa.schema(
    [
        *(pa.field(field.name, field.type) for field in BAR.schema),
        pa.field(DEAD_LETTER_COLUMN, pa.struct([pa.field(field.name, field.type) for field in DEAD_LETTER.schema])),
    ]
)


def batch_of(*rows: str | dict[str, Any]) -> pa.RecordBatch:
    """A bar of each symbol given as text; everything else is a dead letter."""
    none = dict.fromkeys(SCHEMA.names)
    return pa.RecordBatch.from_pylist(
        [
            {**none, **BAR_ROW, "symbol": row} if isinstance(row, str) else {**none, DEAD_LETTER_COLUMN: row}
            for row in rows
        ],
        schema=SCHEMA,
    )


class Stores:
    def __init__(self) -> None:
        self.accepted = (MemorySink(f"a-{uuid.uuid4()}"), MemorySink(f"b-{uuid.uuid4()}"))
        self.refused = MemorySink(f"refused-{uuid.uuid4()}")
        self.sink = AcceptedOrDeadLetter(BAR, self.accepted, self.refused)

    def symbols(self) -> list[list[str]]:
        return [sink.rows(BAR)["symbol"].to_pylist() for sink in self.accepted]

    def payloads(self) -> list[str]:
        payloads: list[str] = self.refused.rows(DEAD_LETTER)["payload"].to_pylist()
        return payloads


def test_each_row_goes_where_it_belongs() -> None:
    stores = Stores()
    stores.sink.write(batch_of("A", LETTER, "B", {**LETTER, "payload": "y"}, {**LETTER, "payload": "z"}, "C"))
    assert stores.symbols() == [["A", "B", "C"]] * 2
    assert stores.refused.rows(DEAD_LETTER).to_pylist() == [
        LETTER,
        {**LETTER, "payload": "y"},
        {**LETTER, "payload": "z"},
    ]
    assert stores.accepted[0].rows(BAR).to_pylist()[0] == {**BAR_ROW, "symbol": "A"}


@pytest.mark.parametrize("rows", [(), ("A", "B"), (LETTER,)], ids=["empty", "accepted", "refused"])
def test_batches_of_one_kind_or_none(rows: tuple[str | dict[str, Any], ...]) -> None:
    stores = Stores()
    stores.sink.write(batch_of(*rows))
    assert stores.symbols() == [[row for row in rows if isinstance(row, str)]] * 2
    assert stores.payloads() == [row["payload"] for row in rows if isinstance(row, dict)]


def test_slices_of_a_batch() -> None:
    stores = Stores()
    whole = batch_of("A", LETTER, "B", {**LETTER, "payload": "y"}, "C", {**LETTER, "payload": "z"})
    stores.sink.write(whole.slice(2, 3))
    assert (stores.symbols(), stores.payloads()) == ([["B", "C"]] * 2, ["y"])


def test_a_store_that_fails_fails_the_write() -> None:
    class Failing:
        def write(self, batch: pa.RecordBatch) -> None:
            raise SinkError(f"no table for {batch.num_rows} rows")

    stores = Stores()
    with pytest.raises(SinkError, match="no table for 1 rows"):
        AcceptedOrDeadLetter(BAR, (stores.accepted[0], Failing()), stores.refused).write(batch_of("A", LETTER))
    with pytest.raises(SinkError, match="no table for 1 rows"):
        AcceptedOrDeadLetter(BAR, stores.accepted, Failing()).write(batch_of("A", LETTER))


def test_records_of_several_topics_go_each_to_their_own_stores() -> None:
    bars, anomalies, refused = (MemorySink(f"{name}-{uuid.uuid4()}") for name in ("bars", "anomalies", "refused"))
    anomaly = dict.fromkeys(ANOMALY.schema.names) | {"symbol": "B", "rule": "spike", "trade_count": 1}
    anomaly |= {"window": "1min", "severity": "low", "message": "m", "window_start": TIME, "detected_time": TIME}
    rows = [
        {"bar": {**BAR_ROW, "symbol": "A"}},
        {"anomaly": anomaly},
        {DEAD_LETTER_COLUMN: LETTER},
        {"bar": {**BAR_ROW, "symbol": "C"}},
    ]
    structs = {"bar": BAR, "anomaly": ANOMALY, DEAD_LETTER_COLUMN: DEAD_LETTER}
    schema = pa.schema([(name, pa.struct(list(record.schema))) for name, record in structs.items()])
    sink = ByRecord([(BAR, [bars]), (ANOMALY, [anomalies])], refused)
    sink.write(pa.RecordBatch.from_pylist(rows, schema))
    sink.write(pa.RecordBatch.from_pylist([], schema))
    assert bars.rows(BAR)["symbol"].to_pylist() == ["A", "C"]
    assert anomalies.rows(ANOMALY).to_pylist() == [anomaly]
    assert refused.rows(DEAD_LETTER).to_pylist() == [LETTER]
