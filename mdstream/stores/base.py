"""What a sink is, and a store."""

from __future__ import annotations

from typing import Protocol

import pyarrow as pa


class Sink(Protocol):
    """A store that takes batches of records.

    A sink is a frozen value built from settings: it is pickled to Spark executors, compared and hashed. It holds
    no connection. The first `write` in a process opens one, later writes in that process share it, and a write
    after a loss opens it anew.

    **When `write` is called.** Once for every batch of rows, from any process and thread, several at the same
    time. After a failure or a restart it is called again with the same rows, perhaps split or grouped differently,
    perhaps after newer ones.

    **Idempotent** means: whatever is written again, in whatever order, the store ends with the same content. Of
    the revisions of one key the newest stays (see `Record.revision_column`), an equal one replaces it, an older one
    changes nothing; of a record without revisions the first stays. A topic can only be appended to: there it is
    the reader who drops revisions that are not newer. InfluxDB replaces whatever has the same time and tags: there an
    older revision changes nothing unless it is written at the very moment of the newer (see `InfluxSink`).

    **When `write` returns**, every row is in the store, as far as the store can promise that.

    **When it raises** `SinkUnavailableError`, the store could not be reached or could not answer in time, and the
    same write may be tried again. Any other `SinkError` refuses the batch: trying again changes nothing before
    the cause, which the message names, is removed. After either, PostgreSQL holds nothing of the batch; Redis,
    InfluxDB and Kafka may hold a part of it, which the next attempt completes.
    """

    def write(self, batch: pa.RecordBatch) -> None:
        """Store all rows of `batch`, which has the record's columns in any order; an empty batch does nothing.

        Raises:
            SinkUnavailableError: The store cannot be reached now; the same write may be tried again.
            SinkError: The batch is refused.
        """
        ...
