"""A query that a job has started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pyspark.errors import StreamingQueryException
from pyspark.sql.streaming.query import StreamingQuery

from mdstream.streaming.leftovers import remove_unfinished


@dataclass(frozen=True)
class RunningQuery:
    """A query that a job has started.

    Attributes:
        query: Spark's handle of it.
        real_time: Its batches are minutes long, so stopping does not wait for their end.
        start_again: Starts it anew from its checkpoint; None if it is not to be started again.
        late_ticks: Returns how many ticks it has left out as late, where Spark itself does not know.
        checkpoint: Where it keeps its progress and state; None if nobody needs to know.
        thinned: Returns how many revisions of forming bars it has passed over in its analysis.
    """

    query: StreamingQuery
    real_time: bool = False
    start_again: Callable[[], RunningQuery] | None = None
    late_ticks: Callable[[], int] | None = None
    checkpoint: str | None = None
    thinned: Callable[[], int] | None = None

    @classmethod
    def begin(
        cls,
        start: Callable[[], StreamingQuery],
        checkpoint: str,
        *,
        real_time: bool = False,
        late_ticks: Callable[[], int] | None = None,
    ) -> RunningQuery:
        """Start a query that can be started again just so."""
        remove_unfinished(checkpoint)
        running = cls(start(), real_time, None, late_ticks, checkpoint)
        return replace(
            running,
            start_again=lambda: cls.begin(start, checkpoint, real_time=real_time, late_ticks=late_ticks),
        )

    @property
    def reason(self) -> str:
        """Why it ended, with all that Spark says of it."""
        error: StreamingQueryException | None = self.query.exception()
        if error is None:
            return "without an error"
        # Behind its reason Spark's message holds an announcement of nothing, and the whole query plan.
        return str(error).partition("=== Streaming Query ===")[0].strip().removesuffix("\nDriver stacktrace:")

    @property
    def has_progressed(self) -> bool:
        """Whether it has done a batch since it was started, or found nothing to do."""
        return self.query.lastProgress is not None
