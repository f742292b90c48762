"""Real servers without Docker: Kafka, PostgreSQL and Valkey from package registries, for the demo and the tests."""

from mdstream.errors import brought_by

with brought_by("local"):
    from mdstream.local.java import Java, find_java, use_java
    from mdstream.local.kafka import LocalKafka
    from mdstream.local.postgres import LocalPostgres
    from mdstream.local.redis import LocalRedis
    from mdstream.local.servers import LocalServers

__all__ = ["Java", "LocalKafka", "LocalPostgres", "LocalRedis", "LocalServers", "find_java", "use_java"]
