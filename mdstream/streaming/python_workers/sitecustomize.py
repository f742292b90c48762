"""Lets Spark's Python workers import the installed pyspark, and keep quiet about why they end.

Python runs this first where the folder is on its path.

Spark puts its own copy, a zip, in front of it, and what is in a zip is compiled anew by every process: most of the time
that a worker needs to come up. On a busy machine that can be more than the ten seconds that Spark gives the worker of a
stateful processor before it says "Python worker failed to connect back", and there is no setting for them.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType

_ZIP = "/pyspark/python/lib/pyspark.zip"

# Another pyspark than the zip's own would not be of the same version as the Spark that asks.
sys.path[:] = [place for place in sys.path if not (place.endswith(_ZIP) and place.removesuffix(_ZIP) in sys.path)]


def _keep_trace(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Put the trace where the driver's log has its own: what a query ends with, the driver says in one line."""
    import traceback

    try:
        with open(os.environ["SPARK_LOG_FILE_OF_MDSTREAM"], "a", encoding="utf-8") as file:  # noqa: PTH123
            traceback.print_exception(kind, error, trace, file=file)
    except (KeyError, OSError):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _keep_trace
