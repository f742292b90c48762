"""Kafka from Maven's registry: one node that is broker and controller."""

from __future__ import annotations

import base64
import os
import shlex
import socket
import uuid
from pathlib import Path

from mdstream.config import KafkaSettings
from mdstream.embedded.server import HOST, LocalServer, free_port
from mdstream.kafka.topics import is_whole
from mdstream.runtime.jars import KAFKA_SERVER_PACKAGE, fetch_jars, spark_home
from mdstream.runtime.java import QUICK_COMPILING, WITHOUT_TRACES, find_java
from mdstream.runtime.process import Child
from mdstream.runtime.run import RunFolder

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Largest batch the broker takes: a dead letter of 8 MiB passes, escaped and wrapped."""

_FORMAT_SECONDS = 120
_ANSWER_MS = 2_000
# Spark's copies: the packages of Kafka leave out Scala and what writes its log.
_FROM_SPARK = ("scala-library", "slf4j-api", "log4j-slf4j2-impl", "log4j-api", "log4j-core")
# Collectors with several threads stop for 100 ms where the clients keep every core busy; this one takes 5.
_JVM_OPTIONS = ("-Xmx512m", "-Xmn256m", "-XX:+UseSerialGC", WITHOUT_TRACES, "-Djava.awt.headless=true")
# By default Java begins with a heap of a 64th of the machine's memory.
_SMALL = ("-Xms96m", "-Xmn64m")
_LOG_SETTINGS = """\
rootLogger.level = INFO
rootLogger.appenderRef.stdout.ref = stdout
appender.stdout.type = Console
appender.stdout.name = stdout
appender.stdout.layout.type = PatternLayout
appender.stdout.layout.pattern = %d %p %c{1}: %m%n
"""
_SERVER_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
log.dirs={folder}/data
auto.create.topics.enable=false
message.max.bytes={max_message_bytes}
# A crashed broker is let back in when its old session ends; by default that takes 9 s.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
replica.fetch.max.bytes={max_message_bytes}
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""


class LocalKafka(LocalServer):
    """A Kafka broker that creates no topics by itself.

    Options in the environment variable `KAFKA_OPTS` are passed to its Java, as Kafka's own scripts do.

    Args:
        run: A run folder to share with others; None for one of its own.
        small: Whether it is to be small rather than quick: for thousands of records a second, not tens of thousands.

    Example:
        >>> with LocalKafka() as server:  # doctest: +SKIP
        ...     server.bootstrap_servers
        '127.0.0.1:19092'
    """

    name = "Kafka"

    def __init__(self, run: RunFolder | None = None, *, small: bool = False) -> None:
        super().__init__(run)
        self._java_options = (*_JVM_OPTIONS, *(_SMALL if small else ()))

    @property
    def bootstrap_servers(self) -> str:
        """Its address, as clients take it."""
        return f"{HOST}:{self.port}"

    def _initialise(self, run: RunFolder) -> None:
        folder = self._folder(run)
        folder.mkdir(mode=0o700)
        (folder / "temporary").mkdir()
        (folder / "log4j2.properties").write_text(_LOG_SETTINGS, encoding="utf-8")
        controller_port = free_port()
        settings = _SERVER_SETTINGS.format(
            host=HOST,
            port=self.port,
            controller_port=controller_port,
            folder=folder,
            max_message_bytes=MAX_MESSAGE_BYTES,
        )
        (folder / "server.properties").write_text(settings + self._listeners(controller_port), encoding="utf-8")
        self._java = find_java()
        jars = [jar for name in _FROM_SPARK for jar in (spark_home() / "jars").glob(f"{name}-*.jar")]
        self._class_path = ":".join(map(str, [*jars, *fetch_jars([KAFKA_SERVER_PACKAGE], self._java)]))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        command = [*self._java_with(folder, *QUICK_COMPILING.split()), "kafka.tools.StorageTool", "format"]
        command += [f"--cluster-id={cluster}", "--config", folder / "server.properties"]
        run.run("kafka-format", command, seconds=_FORMAT_SECONDS)

    def _launch(self, run: RunFolder) -> Child:
        folder = self._folder(run)
        command = [*self._java_with(folder), "kafka.Kafka", folder / "server.properties"]
        return run.start(f"kafka-{self.port}", command)

    def _listeners(self, controller_port: int) -> str:
        """Return the settings that say where and how clients, brokers and controllers are listened to."""
        address = f"PLAINTEXT://{HOST}:{self.port}"
        return f"listeners={address},CONTROLLER://{HOST}:{controller_port}\nadvertised.listeners={address}\n"

    def _java_with(self, folder: Path, *options: str) -> list[str | Path]:
        return [
            self._java.executable,
            *self._java_options,
            *options,
            f"-Djava.io.tmpdir={folder}/temporary",
            f"-Dlog4j2.configurationFile={folder}/log4j2.properties",
            *shlex.split(os.environ.get("KAFKA_OPTS", "")),
            "-cp",
            self._class_path,
        ]

    def _answers(self) -> bool:
        """Whether the broker is in the cluster and every partition it has can be used."""
        try:
            # Asked first because Kafka's clients log every refused connection.
            socket.create_connection((HOST, self.port), timeout=1).close()
        except OSError:
            return False
        return is_whole(KafkaSettings(bootstrap_servers=self.bootstrap_servers), _ANSWER_MS)
