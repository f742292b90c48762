"""Lets Spark's Python workers import the installed pyspark, share what they import, and keep quiet about why they end.

Python runs this first where the folder is on its path.

Spark puts its own copy, a zip, in front of it, and what is in a zip is compiled anew by every process: most of the time
that a worker needs to come up. On a busy machine that can be more than the ten seconds that Spark gives the worker of a
stateful processor before it says "Python worker failed to connect back", and there is no setting for them.

Workers are forks of a daemon, into which Spark imports nothing: some packages begin threads, which no fork has. Here
they are told to begin none. What is imported before the fork is in memory once, not once a worker, and workers are
there at once.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from types import TracebackType

_ZIP = "/pyspark/python/lib/pyspark.zip"

# Another pyspark than the zip's own would not be of the same version as the Spark that asks.
sys.path[:] = [place for place in sys.path if not (place.endswith(_ZIP) and place.removesuffix(_ZIP) in sys.path)]

_DAEMON = "pyspark.daemon"
_WITHOUT_THREADS = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
_SHARED = (
    "pyspark.worker",
    "pandas",
    "pyarrow.compute",
    "mdstream.streaming.foreach_batch",
    "mdstream.streaming.indicators",
    "mdstream.stores.timescaledb.sink",
    "mdstream.stores.redis.sink",
)


def _import_what_workers_share() -> None:
    os.environ.update(_WITHOUT_THREADS)
    for name in _SHARED:
        # What is not installed here, no worker needs; any other reason, a worker says.
        with suppress(Exception):
            import_module(name)
    # Else the first collection in each worker writes to all of it, and so makes a copy.
    gc.collect()
    gc.freeze()


def _keep_trace(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Put the trace where the driver's log has its own: what a query ends with, the driver says in one line."""
    import traceback

    try:
        with open(os.environ["SPARK_LOG_FILE_OF_MDSTREAM"], "a", encoding="utf-8") as file:  # noqa: PTH123
            traceback.print_exception(kind, error, trace, file=file)
    except (KeyError, OSError):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _keep_trace

if _DAEMON in sys.orig_argv:
    _import_what_workers_share()
