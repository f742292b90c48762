"""Keys that one process at a time holds for a while, and marks of what was done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from mdstream.config import RedisSettings
from mdstream.errors import StoreUnavailableError
from mdstream.stores.redis.client import open_redis

_LONGEST_ANSWER_SECONDS = 2


class Claims:
    """Claims and marks in Redis.

    Each method raises StoreUnavailableError if Redis cannot be used.

    Args:
        settings: The server.
    """

    def __init__(self, settings: RedisSettings) -> None:
        seconds = min(settings.timeout_seconds, _LONGEST_ANSWER_SECONDS)
        self._redis = open_redis(settings, seconds, "mdstream-alerts", texts=True)

    def has(self, mark: str) -> bool:
        """Return whether something was marked."""
        with _translated():
            return bool(self._redis.exists(mark))

    def claim(self, key: str, holder: str, seconds: int) -> bool:
        """Hold a key for so long; False if somebody else holds it.

        What held it before may claim it again: then a process ended before it was done.
        """
        with _translated():
            if self._redis.set(key, holder, nx=True, ex=seconds):
                return True
            return bool(self._redis.get(key) == holder)

    def keep(self, key: str, holder: str, seconds: int, mark_value: str, mark_seconds: int) -> None:
        """Hold a key from now on for so long, and mark its holder as done."""
        with _translated(), self._redis.pipeline(transaction=True) as pipeline:
            pipeline.set(key, holder, ex=seconds)
            pipeline.set(holder, mark_value, ex=mark_seconds)
            pipeline.execute()

    def release(self, key: str) -> None:
        """Hold a key no longer."""
        with _translated():
            self._redis.delete(key)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, UnicodeDecodeError) as exc:
        raise StoreUnavailableError(str(exc)) from exc
