"""All the servers that mdstream needs, at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from mdstream.config import Settings
from mdstream.local.jars import fetch_jars
from mdstream.local.java import find_java
from mdstream.local.kafka import LocalKafka
from mdstream.local.postgres import LocalPostgres
from mdstream.local.redis import LocalRedis
from mdstream.local.run import RunFolder
from mdstream.local.server import LocalServer


class LocalServers:
    """Kafka, PostgreSQL and Redis in one run folder, for the length of a `with` block.

    Args:
        packages: Maven coordinates of the connectors that Spark gets; None for the configuration's default.

    Attributes:
        run: Their run folder.
        kafka: The broker.
        postgres: The database.
        redis: The cache.

    Example:
        >>> with LocalServers() as servers:  # doctest: +SKIP
        ...     subprocess.run(["mdstream", "doctor"], env=os.environ | servers.environment())
    """

    def __init__(self, packages: Sequence[str] | None = None) -> None:
        self.run = RunFolder()
        self.kafka = LocalKafka(self.run)
        self.postgres = LocalPostgres(self.run)
        self.redis = LocalRedis(self.run)
        self._packages = Settings.model_fields["spark"].default.packages if packages is None else tuple(packages)

    def start(self) -> None:
        """Start all of them and return when all answer.

        Raises:
            ServerError: One does not start, or a Java package cannot be fetched.
            MissingDependencyError: A package that brings one is not installed.
        """
        with ThreadPoolExecutor(max_workers=4) as pool:
            starting = [pool.submit(server.start) for server in self._servers()]
            java = find_java()
            jars = fetch_jars(self._packages, java) if self._packages else []
            for start in starting:
                start.result()
        self._spark = {"JAVA_HOME": str(java.home), "jars": ",".join(map(str, jars))}

    def close(self) -> None:
        """Stop all of them and remove their data."""
        with ExitStack() as steps:
            steps.callback(self.run.close)
            for server in self._servers():
                steps.callback(server.close)

    def environment(self) -> dict[str, str]:
        """Return the environment variables that point every mdstream process at these servers.

        With them Spark runs on the Java that was found, and takes its connectors from files: it asks no registry.
        """
        database = self.postgres.settings
        return {
            "JAVA_HOME": self._spark["JAVA_HOME"],
            "MDSTREAM_KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "MDSTREAM_SPARK__PACKAGES": "[]",
            "MDSTREAM_SPARK__CONF": json.dumps({"spark.jars": self._spark["jars"]}),
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
