"""Streaming queries: the session, Kafka, micro-batches into sinks, and a life from start to stop."""

from mdstream.errors import brought_by

with brought_by("jobs"):
    from mdstream.streaming.activity import to_activity_bar_stream
    from mdstream.streaming.archive import archive_revisions, archive_rows, with_delta
    from mdstream.streaming.asof import with_asof_stream
    from mdstream.streaming.buckets import BUCKETS
    from mdstream.streaming.dead_letters import AcceptedOrDeadLetter, ByRecord
    from mdstream.streaming.foreach_batch import store_results, store_stream, write_batch
    from mdstream.streaming.forecasts import Forecasts
    from mdstream.streaming.indicators import analyse_stream, to_indicator_stream
    from mdstream.streaming.kafka import IS_VENDORS, read_bars, read_topic
    from mdstream.streaming.lifecycle import Job, run_jobs, stop_session
    from mdstream.streaming.live_engine import BarRecords, start_live_bars, to_bar_records
    from mdstream.streaming.nbbo import to_nbbo_stream
    from mdstream.streaming.quote_bars import to_quote_bar_stream
    from mdstream.streaming.rules import check_rules
    from mdstream.streaming.running_query import RunningQuery
    from mdstream.streaming.session import build_session
    from mdstream.streaming.trade_signs import with_trade_sign_stream
    from mdstream.streaming.triggers import Trigger, trigger_for

__all__ = [
    "BUCKETS",
    "IS_VENDORS",
    "AcceptedOrDeadLetter",
    "BarRecords",
    "ByRecord",
    "Forecasts",
    "Job",
    "RunningQuery",
    "Trigger",
    "analyse_stream",
    "archive_revisions",
    "archive_rows",
    "build_session",
    "check_rules",
    "read_bars",
    "read_topic",
    "run_jobs",
    "start_live_bars",
    "stop_session",
    "store_results",
    "store_stream",
    "to_activity_bar_stream",
    "to_bar_records",
    "to_indicator_stream",
    "to_nbbo_stream",
    "to_quote_bar_stream",
    "trigger_for",
    "with_asof_stream",
    "with_delta",
    "with_trade_sign_stream",
    "write_batch",
]
