"""All the servers that mdstream needs, at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from mdstream.local.kafka import LocalKafka
from mdstream.local.postgres import LocalPostgres
from mdstream.local.redis import LocalRedis
from mdstream.local.run import RunFolder
from mdstream.local.server import LocalServer


class LocalServers:
    """Kafka, PostgreSQL and Redis in one run folder, for the length of a `with` block.

    Attributes:
        run: Their run folder.
        kafka: The broker.
        postgres: The database.
        redis: The cache.

    Example:
        >>> with LocalServers() as servers:  # doctest: +SKIP
        ...     subprocess.run(["mdstream", "doctor"], env=os.environ | servers.environment())
    """

    def __init__(self) -> None:
        self.run = RunFolder()
        self.kafka = LocalKafka(self.run)
        self.postgres = LocalPostgres(self.run)
        self.redis = LocalRedis(self.run)

    def start(self) -> None:
        """Start all of them and return when all answer.

        Raises:
            ServerError: One does not start.
            MissingDependencyError: A package that brings one is not installed.
        """
        with ThreadPoolExecutor() as pool:
            for start in [pool.submit(server.start) for server in self._servers()]:
                start.result()

    def close(self) -> None:
        """Stop all of them and remove their data."""
        with ExitStack() as steps:
            steps.callback(self.run.close)
            for server in self._servers():
                steps.callback(server.close)

    def environment(self) -> dict[str, str]:
        """Return the environment variables that point every mdstream process at these servers."""
        database = self.postgres.settings
        return {
            "MDSTREAM_KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "MDSTREAM_STORES__TIMESCALEDB__HOST": database.host,
            "MDSTREAM_STORES__TIMESCALEDB__PORT": str(database.port),
            "MDSTREAM_STORES__TIMESCALEDB__DATABASE": database.database,
            "MDSTREAM_STORES__TIMESCALEDB__USER": database.user,
            "MDSTREAM_STORES__TIMESCALEDB__PASSWORD": database.password.get_secret_value(),
            "MDSTREAM_STORES__REDIS__HOST": self.redis.settings.host,
            "MDSTREAM_STORES__REDIS__PORT": str(self.redis.settings.port),
        }

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _servers(self) -> tuple[LocalServer, ...]:
        return (self.kafka, self.postgres, self.redis)
