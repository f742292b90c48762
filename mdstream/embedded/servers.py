"""All the servers that mdstream needs, at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from pydantic import SecretStr

from mdstream.config import Settings
from mdstream.embedded.block import RunsInBlock
from mdstream.embedded.kafka import LocalKafka
from mdstream.embedded.postgres import LocalPostgres
from mdstream.embedded.redis import LocalRedis
from mdstream.embedded.server import LocalServer
from mdstream.runtime.run import RunFolder

_DATABASE_ADDRESS = ("host", "port", "database", "user", "password")
_CACHE_ADDRESS = ("host", "port", "database", "password")


class LocalServers(RunsInBlock):
    """Kafka, PostgreSQL and Redis in one run folder, for the length of a `with` block.

    Args:
        small: Whether the broker is to be small rather than quick, see `LocalKafka`.

    Attributes:
        run: Their run folder.
        kafka: The broker.
        postgres: The database.
        redis: The cache.

    Example:
        >>> with LocalServers() as servers:  # doctest: +SKIP
        ...     subprocess.run(["mdstream", "doctor"], env=os.environ | servers.environment())
    """

    def __init__(self, *, small: bool = False) -> None:
        self.run = RunFolder()
        self.kafka = LocalKafka(self.run, small=small)
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

    def check(self) -> None:
        """See that all still run.

        Raises:
            ServerError: One has ended; the message has the end of its log.
        """
        for server in self._servers():
            server.check()

    def settings(self, settings: Settings) -> Settings:
        """Return the settings with the addresses of these servers."""
        kafka, database, cache = self._addresses().values()
        stores = settings.stores
        return settings.model_copy(
            update={
                "kafka": settings.kafka.model_copy(update=kafka),
                "stores": stores.model_copy(
                    update={
                        "timescaledb": stores.timescaledb.model_copy(update=database),
                        "redis": stores.redis.model_copy(update=cache),
                    }
                ),
            }
        )

    def environment(self) -> dict[str, str]:
        """Return the environment variables that point every mdstream process at these servers."""
        return {
            f"MDSTREAM_{section}__{name.upper()}": value.get_secret_value()
            if isinstance(value, SecretStr)
            else str(value)
            for section, values in self._addresses().items()
            for name, value in values.items()
        }

    def _servers(self) -> tuple[LocalServer, ...]:
        return (self.kafka, self.postgres, self.redis)

    def _addresses(self) -> dict[str, dict[str, object]]:
        database, cache = self.postgres.settings, self.redis.settings
        return {
            "KAFKA": {"bootstrap_servers": self.kafka.bootstrap_servers},
            "STORES__TIMESCALEDB": {name: getattr(database, name) for name in _DATABASE_ADDRESS},
            "STORES__REDIS": {name: getattr(cache, name) for name in _CACHE_ADDRESS},
        }
