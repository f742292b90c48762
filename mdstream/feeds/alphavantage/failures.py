"""What can go wrong with a call."""

from __future__ import annotations

from mdstream.errors import FeedError, MdstreamError


class LaterError(MdstreamError):
    """The call may succeed later: too many were made, or the server cannot answer now.

    Attributes:
        seconds: How long to wait at least.
    """

    def __init__(self, message: str, seconds: float = 0.0) -> None:
        super().__init__(message)
        self.seconds = seconds


class QuotaSpentError(MdstreamError):
    """The day's calls are used up."""


class NotEntitledError(FeedError):
    """The plan does not include what was asked for."""
