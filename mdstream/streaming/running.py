"""A query that a job has started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.errors import StreamingQueryException
from pyspark.sql.streaming.query import StreamingQuery


@dataclass(frozen=True)
class RunningQuery:
    """A query that a job has started.

    Attributes:
        query: Spark's handle of it.
        real_time: Its batches are minutes long, so stopping does not wait for their end.
        start_again: Starts it anew from its checkpoint; None if Spark repeats by itself what failed.
        late_ticks: Returns how many ticks it has left out as late, where Spark itself does not know.
        thinned: Returns how many revisions of forming bars it has passed over in its analysis.
    """

    query: StreamingQuery
    real_time: bool = False
    start_again: Callable[[], RunningQuery] | None = None
    late_ticks: Callable[[], int] | None = None
    thinned: Callable[[], int] | None = None

    @property
    def reason(self) -> str:
        """Why it ended."""
        error: StreamingQueryException | None = self.query.exception()
        if error is None:
            return "without an error"
        # Behind its reason Spark's message holds an announcement of nothing, and the whole query plan.
        return str(error).partition("=== Streaming Query ===")[0].strip().removesuffix("\nDriver stacktrace:")
