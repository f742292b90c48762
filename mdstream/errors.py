"""The errors that mdstream raises for its users to catch; others stand where they are raised, and are one of these.

::

    MdstreamError
    ├── ConfigError                what was configured cannot be used
    ├── MissingDependencyError     an optional package is not installed
    ├── ExtensionError             what a package adds to mdstream is not there, or cannot be used
    ├── InvalidInputError          a file, record or argument is not what was expected
    ├── FeedError                  a market data source fails for good
    ├── DeliveryError              Kafka did not take a record
    ├── StoreError                 a store cannot do what it is asked for
    │   ├── StoreUnavailableError  a store cannot be reached now; the same may be tried again
    │   └── SinkError              a store refused a batch
    │       └── SinkUnavailableError  a store cannot be reached now (a StoreUnavailableError too); the same write may be
    │                              tried again
    ├── AlertError                 alerts cannot be read, or a channel refused one
    │   └── AlertDelayedError      a channel cannot take an alert now; it may be sent again
    ├── ModelError                 a trained model is not there, or cannot be used
    ├── ServerError                an embedded server does not start, or stopped
    └── QueryFailedError           a streaming query ended with an error
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

DISTRIBUTION = "mdstream-spark"
"""What is asked for to install mdstream: the name mdstream is somebody else's."""


class MdstreamError(Exception):
    """Root of all errors raised by mdstream."""


class ConfigError(MdstreamError):
    """What was configured cannot be used."""


class MissingDependencyError(MdstreamError):
    """An optional package is not installed."""

    @classmethod
    def for_extra(cls, package: str, extra: str) -> MissingDependencyError:
        """Name the extra of mdstream that brings `package`."""
        command = f"pip install '{DISTRIBUTION}[{extra}]'"
        return cls(f"{package} is not installed; it comes with: {command} (in a checkout: make setup)")


@contextmanager
def brought_by(extra: str) -> Iterator[None]:
    """Name the extra that brings a package whose import within fails because it is not installed.

    Args:
        extra: One of mdstream's.

    Raises:
        MissingDependencyError: A package is not installed.

    Example:
        >>> with brought_by("spark"):
        ...     from mdstream.transforms import to_bars
    """
    try:
        yield
    except ModuleNotFoundError as exc:
        package = (exc.name or "").partition(".")[0]
        if package in {"", "mdstream"}:
            raise
        raise MissingDependencyError.for_extra(package, extra) from exc


class ExtensionError(MdstreamError):
    """What a package adds to mdstream is not there, or cannot be used."""


class InvalidInputError(MdstreamError):
    """A file, record or argument is not what was expected."""


class FeedError(MdstreamError):
    """A market data source fails for good."""


class DeliveryError(MdstreamError):
    """Kafka did not take a record."""


class StoreError(MdstreamError):
    """A store cannot do what it is asked for: to be read, written or changed."""


class StoreUnavailableError(StoreError):
    """A store cannot be reached now; the same may be tried again."""


class SinkError(StoreError):
    """A store refused a batch."""


class SinkUnavailableError(SinkError, StoreUnavailableError):
    """A store cannot be reached now; the same write may be tried again."""


@contextmanager
def of_writing() -> Iterator[None]:
    """Raise what a store says within as what it says of a batch.

    Raises:
        SinkUnavailableError: Instead of `StoreUnavailableError`.
        SinkError: Instead of any other `StoreError`.

    Example:
        >>> with of_writing():
        ...     raise StoreUnavailableError("Redis is away")
        Traceback (most recent call last):
        mdstream.errors.SinkUnavailableError: Redis is away
    """
    try:
        yield
    except SinkError:
        raise
    except StoreUnavailableError as exc:
        raise SinkUnavailableError(str(exc)) from exc.__cause__
    except StoreError as exc:
        raise SinkError(str(exc)) from exc.__cause__


class AlertError(MdstreamError):
    """Alerts cannot be read, or a channel refused one."""


class AlertDelayedError(AlertError):
    """A channel cannot take an alert now; it may be sent again.

    Attributes:
        retry_after: Seconds that the channel asked to wait; None if it did not.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ModelError(MdstreamError):
    """A trained model is not there, or cannot be used."""


class ServerError(MdstreamError):
    """An embedded server does not start, or stopped."""


class QueryFailedError(MdstreamError):
    """A streaming query ended with an error."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown name: the nearest known one, or all of them.

    Args:
        name: What was found.
        known: What would have been accepted.

    Returns:
        A sentence to put behind the error message.

    Example:
        >>> did_you_mean("symbls", ["symbols", "kafka"])
        "did you mean 'symbols'?"
    """
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known are: {', '.join(choices) or 'none'}"
