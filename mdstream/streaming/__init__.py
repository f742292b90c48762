"""Streaming queries: the session, Kafka, micro-batches into sinks, and a life from start to stop.

What is exported here is imported when it is asked for: who starts a job, or computes a part of one, does not load all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mdstream.errors import brought_by

if TYPE_CHECKING:
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

_PLACES = {
    "BUCKETS": "mdstream.streaming.buckets",
    "IS_VENDORS": "mdstream.streaming.kafka",
    "AcceptedOrDeadLetter": "mdstream.streaming.dead_letters",
    "BarRecords": "mdstream.streaming.live_engine",
    "ByRecord": "mdstream.streaming.dead_letters",
    "Forecasts": "mdstream.streaming.forecasts",
    "Job": "mdstream.streaming.lifecycle",
    "RunningQuery": "mdstream.streaming.running_query",
    "Trigger": "mdstream.streaming.triggers",
    "analyse_stream": "mdstream.streaming.indicators",
    "archive_revisions": "mdstream.streaming.archive",
    "archive_rows": "mdstream.streaming.archive",
    "build_session": "mdstream.streaming.session",
    "check_rules": "mdstream.streaming.rules",
    "read_bars": "mdstream.streaming.kafka",
    "read_topic": "mdstream.streaming.kafka",
    "run_jobs": "mdstream.streaming.lifecycle",
    "start_live_bars": "mdstream.streaming.live_engine",
    "stop_session": "mdstream.streaming.lifecycle",
    "store_results": "mdstream.streaming.foreach_batch",
    "store_stream": "mdstream.streaming.foreach_batch",
    "to_activity_bar_stream": "mdstream.streaming.activity",
    "to_bar_records": "mdstream.streaming.live_engine",
    "to_indicator_stream": "mdstream.streaming.indicators",
    "to_nbbo_stream": "mdstream.streaming.nbbo",
    "to_quote_bar_stream": "mdstream.streaming.quote_bars",
    "trigger_for": "mdstream.streaming.triggers",
    "with_asof_stream": "mdstream.streaming.asof",
    "with_delta": "mdstream.streaming.archive",
    "with_trade_sign_stream": "mdstream.streaming.trade_signs",
    "write_batch": "mdstream.streaming.foreach_batch",
}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with brought_by("jobs"):
        return getattr(import_module(_PLACES[name]), name)
