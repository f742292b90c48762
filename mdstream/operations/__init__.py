"""What an operator does to a running system: create topics and tables, keep them in shape, find out what is wrong."""

from mdstream.errors import brought_by

with brought_by("jobs"):
    from mdstream.operations.topics import create_topics, describe_topics, plan_topics

__all__ = ["create_topics", "describe_topics", "plan_topics"]
