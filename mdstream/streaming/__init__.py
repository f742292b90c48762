"""Streaming queries: the session, Kafka, micro-batches into sinks, and a life from start to stop."""

from mdstream.streaming.conditions import load_conditions
from mdstream.streaming.dead_letters import AcceptedOrDeadLetter
from mdstream.streaming.foreach_batch import store_stream, write_batch
from mdstream.streaming.kafka import read_partitions, read_topic, write_topic
from mdstream.streaming.lifecycle import Job, RunningQuery, run_jobs
from mdstream.streaming.session import build_session
from mdstream.streaming.triggers import Trigger, trigger_for

__all__ = [
    "AcceptedOrDeadLetter",
    "Job",
    "RunningQuery",
    "Trigger",
    "build_session",
    "load_conditions",
    "read_partitions",
    "read_topic",
    "run_jobs",
    "store_stream",
    "trigger_for",
    "write_batch",
    "write_topic",
]
