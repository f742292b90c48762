"""Names of mdstream's jobs, where one needs what others do not."""

LIVE_JOB = "live_bars"
"""The job that needs the live engine's Java."""

STORING_JOBS = frozenset({"store_ticks", "analytics"})
"""The jobs that write to the stores that are switched on."""

LAKE_JOB = "archive"
"""The job whose session writes Delta tables."""

STORE_QUERY = "store_live"
"""The query of `analytics` that stores what live bars send: its checkpoint tells how far the database is behind."""
