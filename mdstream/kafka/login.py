"""How each of Kafka's clients is told where the broker is and who we are: three libraries, three vocabularies."""

from __future__ import annotations

from typing import Any

from mdstream.config.kafka import KafkaSettings

_JAVA_LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}


def client_login(settings: KafkaSettings) -> dict[str, str | int | float | bool]:
    """Return what every consumer and producer of confluent-kafka is opened with; it holds the password.

    Example:
        >>> client_login(KafkaSettings(bootstrap_servers="broker:9092"))
        {'bootstrap.servers': 'broker:9092', 'security.protocol': 'PLAINTEXT'}
    """
    security = settings.security
    options: dict[str, str | int | float | bool] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "security.protocol": security.protocol,
    }
    if security.with_login:
        options["sasl.mechanism"] = security.mechanism
        options["sasl.username"] = security.username
        options["sasl.password"] = security.password.get_secret_value()
    if security.ca_file:
        options["ssl.ca.location"] = str(security.ca_file)
    if security.certificate_file:
        options["ssl.certificate.location"] = str(security.certificate_file)
        options["ssl.key.location"] = str(security.certificate_file)
    return options


def admin_login(settings: KafkaSettings) -> dict[str, Any]:
    """Return what every client of kafka-python is opened with, but for the servers; it holds the password.

    Example:
        >>> admin_login(KafkaSettings())
        {'security_protocol': 'PLAINTEXT'}
    """
    security = settings.security
    options: dict[str, Any] = {"security_protocol": security.protocol}
    if security.with_login:
        options["sasl_mechanism"] = security.mechanism
        options["sasl_plain_username"] = security.username
        options["sasl_plain_password"] = security.password.get_secret_value()
    if security.ca_file:
        options["ssl_cafile"] = str(security.ca_file)
    if security.certificate_file:
        options["ssl_certfile"] = options["ssl_keyfile"] = str(security.certificate_file)
    return options


def spark_login(settings: KafkaSettings) -> dict[str, str]:
    """Return the options of Spark's Kafka source and sink; they hold the password.

    Files must be at the same place on every executor.

    Example:
        >>> spark_login(KafkaSettings(bootstrap_servers="broker:9092"))
        {'kafka.bootstrap.servers': 'broker:9092', 'kafka.security.protocol': 'PLAINTEXT'}
    """
    security = settings.security
    options = {
        "kafka.bootstrap.servers": settings.bootstrap_servers,
        "kafka.security.protocol": security.protocol,
    }
    if security.with_login:
        name, password = _quoted(security.username), _quoted(security.password.get_secret_value())
        module = _JAVA_LOGIN_MODULES[security.mechanism]
        options["kafka.sasl.mechanism"] = security.mechanism
        options["kafka.sasl.jaas.config"] = f"{module} required username={name} password={password};"
    if security.ca_file:
        options["kafka.ssl.truststore.type"] = "PEM"
        options["kafka.ssl.truststore.location"] = str(security.ca_file)
    if security.certificate_file:
        options["kafka.ssl.keystore.type"] = "PEM"
        options["kafka.ssl.keystore.location"] = str(security.certificate_file)
    return options


def _quoted(text: str) -> str:
    """Return text as Java's login configuration reads it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
