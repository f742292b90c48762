"""Real servers without Docker: Kafka, PostgreSQL and Valkey from package registries, for the demo and the tests."""

from mdstream.errors import brought_by

with brought_by("local"):
    from mdstream.embedded.kafka import LocalKafka
    from mdstream.embedded.postgres import LocalPostgres
    from mdstream.embedded.redis import LocalRedis
    from mdstream.embedded.servers import LocalServers

__all__ = ["LocalKafka", "LocalPostgres", "LocalRedis", "LocalServers"]
