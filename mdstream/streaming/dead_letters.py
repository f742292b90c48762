"""Sinks that tell records from dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mdstream.schemas import Record
from mdstream.stores import Sink
from mdstream.transforms import DEAD_LETTER_COLUMN


@dataclass(frozen=True)
class AcceptedOrDeadLetter:
    """Splits a batch by its dead letters: one pass over a topic serves the stores and `dead_letter`.

    Attributes:
        record: What a row without a dead letter is.
        accepted: Sinks of those rows, with the columns of `record`.
        refused: Sink of the dead letters of all other rows.
    """

    record: Record
    accepted: Sequence[Sink]
    refused: Sink

    def write(self, batch: pa.RecordBatch) -> None:
        """Write each row to where it belongs; see `mdstream.stores.Sink`."""
        letters = batch.column(DEAD_LETTER_COLUMN)
        accepted = batch.filter(pc.is_null(letters)).select(self.record.schema.names)
        for sink in self.accepted:
            sink.write(accepted)
        refused = _rows_of(letters)
        if refused.num_rows:
            self.refused.write(refused)


@dataclass(frozen=True)
class ByRecord:
    """Splits a batch of several topics: each record goes to the stores of its kind, what is none to `dead_letter`.

    Attributes:
        stores: Sinks by the record that they take; a row's is in the column of that name.
        refused: Sink of the dead letters of all other rows.
    """

    stores: Sequence[tuple[Record, Sequence[Sink]]]
    refused: Sink

    def write(self, batch: pa.RecordBatch) -> None:
        """Write each row to where it belongs; see `mdstream.stores.Sink`."""
        for record, sinks in self.stores:
            own = _rows_of(batch.column(record.name))
            if own.num_rows:
                for sink in sinks:
                    sink.write(own)
        refused = _rows_of(batch.column(DEAD_LETTER_COLUMN))
        if refused.num_rows:
            self.refused.write(refused)


def _rows_of(structs: pa.StructArray) -> pa.RecordBatch:
    """Return the fields of those structs that are there."""
    there = structs.drop_null()
    return pa.RecordBatch.from_arrays(there.flatten(), names=[field.name for field in there.type])
