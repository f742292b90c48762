"""A sink that tells records from dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mdstream.schemas import DEAD_LETTER, Record
from mdstream.sinks import Sink
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
        """Write each row to where it belongs; see `mdstream.sinks.Sink`."""
        letters = batch.column(DEAD_LETTER_COLUMN)
        accepted = batch.filter(pc.is_null(letters)).select(self.record.schema.names)
        for sink in self.accepted:
            sink.write(accepted)
        refused = letters.drop_null()
        if len(refused):
            self.refused.write(pa.RecordBatch.from_arrays(refused.flatten(), names=DEAD_LETTER.schema.names))
