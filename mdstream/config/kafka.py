"""Settings of Kafka: the broker, how to log in, topics and producers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from mdstream.config.section import Seconds, Section


class KafkaSecuritySettings(Section):
    """How connections to the broker are encrypted, and who we are to it."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="whether connections are encrypted (SSL), and whether we log in (SASL)"
    )
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="how SASL checks the password"
    )
    username: str = Field("", description="who we are to the broker, with SASL")
    password: SecretStr = Field(SecretStr(""), description="the password of that name")
    ca_file: Path | None = Field(None, description="PEM of the authorities to trust; else those of the system")
    certificate_file: Path | None = Field(
        None, description="PEM of our private key (PKCS #8, not encrypted) and certificates, if the broker asks for one"
    )

    @property
    def encrypted(self) -> bool:
        """Whether connections are."""
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def with_login(self) -> bool:
        """Whether the broker asks for a name and a password."""
        return self.protocol in ("SASL_PLAINTEXT", "SASL_SSL")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.with_login and not (self.username and self.password.get_secret_value()):
            raise ValueError(
                f"{self.protocol} needs username and password: set MDSTREAM_KAFKA__SECURITY__USERNAME and "
                "MDSTREAM_KAFKA__SECURITY__PASSWORD"
            )
        if not self.encrypted and (self.ca_file or self.certificate_file):
            raise ValueError(f"ca_file and certificate_file are for SSL or SASL_SSL, the protocol is {self.protocol}")
        if not self.with_login and self.username:
            raise ValueError(f"username is for SASL_SSL or SASL_PLAINTEXT, the protocol is {self.protocol}")
        return self


class KafkaSettings(Section):
    """The broker, its topics and our producers."""

    bootstrap_servers: str = Field(
        "127.0.0.1:9092", min_length=1, description="host:port of some of the brokers, with commas between"
    )
    security: KafkaSecuritySettings = KafkaSecuritySettings()
    partitions: int = Field(2, ge=1, description="partitions of topics that mdstream creates")
    replication_factor: int = Field(1, ge=1, description="replicas of topics that mdstream creates")
    retention_hours: int = Field(168, ge=1, description="how long topics that mdstream creates keep records")
    linger_ms: float = Field(1, ge=0, description="how long a producer waits to fill a batch")
    batch_size: int = Field(262_144, ge=1, description="bytes of a producer's batch")
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = Field(
        "lz4", description="of all producers but live bars, which have spark.live_compression"
    )
    delivery_timeout_seconds: Seconds = Field(60, description="a record not acknowledged by then has failed")
