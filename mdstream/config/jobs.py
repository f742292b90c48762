"""Names of mdstream's jobs, and of their queries: by them checkpoints, metrics and logs are found."""

from mdstream.schemas import TICK

LIVE_JOB = "live_bars"
"""The job that needs the live engine's Java."""

STORE_JOB = "store_ticks"
"""The job that stores ticks, in one query of the same name."""

QUOTES_JOB = "store_quotes"
"""The job that stores quotes, in one query of the same name."""

ANALYTICS_JOB = "analytics"
"""The job that stores what live bars send, and analyses what they do not."""

LAKE_JOB = "archive"
"""The job whose session writes Delta tables."""

STORING_JOBS = frozenset({STORE_JOB, QUOTES_JOB, ANALYTICS_JOB})
"""The jobs that write to the stores that are switched on."""

STORE_TICKS_QUERY = STORE_JOB
"""The query that stores ticks: its checkpoint tells how far the database is behind."""

STORE_QUOTES_QUERY = QUOTES_JOB
"""The query that stores quotes."""

STORE_QUERY = "store_live"
"""The query of `analytics` that stores what live bars send: its checkpoint tells how far the database is behind."""

ARCHIVE_TICKS_QUERY, ARCHIVE_BARS_QUERY = "archive_ticks", "archive_bars"
"""The queries that fill the lake."""


def of_topic(query: str, topic: str) -> str:
    """Return the name of a query that reads ticks, after their topic if it is not ours: offsets are of one topic.

    Example:
        >>> of_topic("store_ticks", "tick_data"), of_topic("store_ticks", "trades")
        ('store_ticks', 'store_ticks_of_trades')
    """
    return query if topic == TICK.topic_name else f"{query}_of_{topic}"


def live_query(state: str, seconds: list[int]) -> str:
    """Return the name of the query that builds bars, after its state's version and its windows' lengths.

    Example:
        >>> live_query("v2", [60, 300])
        'live_bars_v2_60_300'
    """
    return f"{LIVE_JOB}_{state}_{'_'.join(map(str, seconds))}"


def vendors_query(buckets: int) -> str:
    """Return the name of the query of `analytics` that analyses vendors' bars, after what its state is split into.

    Example:
        >>> vendors_query(8)
        'analyse_vendors_bars_in_8_buckets'
    """
    return f"analyse_vendors_bars_in_{buckets}_buckets"
