"""How a process with a Spark application is told to stop: once, in a hurry, or by the end of its Java."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark import SparkContext

from mdstream.streaming.leftovers import OWN_FOLDER_VARIABLE

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_HURRY_SECONDS = 5.0
_LONGEST_SECONDS = 30.0
_JAVA_ENDS_SECONDS = 2.0


class StopRequest:
    """Whether this process is to stop.

    A signal asks for it: batches under way may end. A second one does not wait for them. Whatever Spark does meanwhile,
    the process has ended after thirty seconds, or five after the second signal: then with 128 and the number of the
    signal as exit code.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._hurry = threading.Event()
        self._timers: list[threading.Timer] = []

    @property
    def is_asked(self) -> bool:
        """Whether it is to stop."""
        return self._asked.is_set()

    @property
    def is_urgent(self) -> bool:
        """Whether it is to stop without waiting for anything."""
        return self._hurry.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until it is to stop, for so many seconds at most, and say whether it is."""
        return self._asked.wait(seconds)

    def take(self, number: int, _frame: FrameType | None = None) -> None:
        """Take a signal."""
        # Whatever of a batch is cut off py4j reports as a failure of its own, although nothing is lost.
        logging.getLogger("py4j").setLevel(logging.CRITICAL)
        name = signal.Signals(number).name
        if not self._asked.is_set():
            logger.info("stopping on %s", name)
            self._asked.set()
            self._end_in(_LONGEST_SECONDS, 128 + number)
        elif not self._hurry.is_set():
            logger.warning("stopping at once on a second %s; batches that are cut off come again", name)
            self._hurry.set()
            self._end_in(_HURRY_SECONDS, 128 + number)

    def fulfil(self) -> None:
        """Take note that what was to be stopped has stopped."""
        for timer in self._timers:
            timer.cancel()

    def _end_in(self, seconds: float, code: int) -> None:
        timer = threading.Timer(seconds, _end_now, (code,))
        timer.daemon = True
        self._timers.append(timer)
        timer.start()


@contextmanager
def stop_signals() -> Iterator[StopRequest]:
    """Take SIGTERM, SIGINT and SIGHUP for a request to stop until the block ends; SIGHUP unless nohup ignores it."""
    stop = StopRequest()
    wanted = [each for each in _SIGNALS if each != signal.SIGHUP or signal.getsignal(each) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop.take) for number in wanted}
    try:
        yield stop
    finally:
        stop.fulfil()
        for number, handler in before.items():
            signal.signal(number, handler)


def java_is_gone(error: Exception) -> bool:
    """Say whether an error comes from the end of Spark's Java process, which a signal to the group ends too."""
    if isinstance(error, Py4JNetworkError | ConnectionError):
        return True
    process = getattr(SparkContext._gateway, "proc", None)  # noqa: SLF001 - nobody else knows it
    if process is None or not isinstance(error, Py4JError):
        return False
    try:
        process.wait(_JAVA_ENDS_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end_now(code: int) -> None:
    process = getattr(SparkContext._gateway, "proc", None)  # noqa: SLF001
    if process is not None:
        process.kill()
    if folder := os.environ.get(OWN_FOLDER_VARIABLE):
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(code)
