"""How we log in to Kafka, told to three libraries."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdstream.config import load_settings
from mdstream.errors import ConfigError
from mdstream.kafka.login import admin_login, client_login, spark_login

SECRET = 'hunter2 "\\'


def test_password_reaches_each_client_and_no_printed_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDSTREAM_KAFKA__SECURITY__PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("MDSTREAM_KAFKA__SECURITY__USERNAME", "analyst")
    monkeypatch.setenv("MDSTREAM_KAFKA__SECURITY__PASSWORD", SECRET)
    settings = load_settings()

    client = client_login(settings.kafka)
    assert (client["sasl.mechanism"], client["sasl.username"], client["sasl.password"]) == (
        "SCRAM-SHA-512",
        "analyst",
        SECRET,
    )
    admin = admin_login(settings.kafka)
    assert (admin["sasl_mechanism"], admin["sasl_plain_username"], admin["sasl_plain_password"]) == (
        "SCRAM-SHA-512",
        "analyst",
        SECRET,
    )
    assert spark_login(settings.kafka)["kafka.sasl.jaas.config"] == (
        "org.apache.kafka.common.security.scram.ScramLoginModule required "
        r'username="analyst" password="hunter2 \"\\";'
    )
    for shown in (repr(settings), settings.model_dump_json()):
        assert "hunter2" not in shown


def test_files_of_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDSTREAM_KAFKA__SECURITY__PROTOCOL", "SSL")
    monkeypatch.setenv("MDSTREAM_KAFKA__SECURITY__CA_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("MDSTREAM_KAFKA__SECURITY__CERTIFICATE_FILE", str(tmp_path / "client.pem"))
    kafka = load_settings().kafka

    ca, own = str(tmp_path / "ca.pem"), str(tmp_path / "client.pem")
    assert client_login(kafka) == {
        "bootstrap.servers": kafka.bootstrap_servers,
        "security.protocol": "SSL",
        "ssl.ca.location": ca,
        "ssl.certificate.location": own,
        "ssl.key.location": own,
    }
    assert admin_login(kafka) == {
        "security_protocol": "SSL",
        "ssl_cafile": ca,
        "ssl_certfile": own,
        "ssl_keyfile": own,
    }
    assert spark_login(kafka) == {
        "kafka.bootstrap.servers": kafka.bootstrap_servers,
        "kafka.security.protocol": "SSL",
        "kafka.ssl.truststore.type": "PEM",
        "kafka.ssl.truststore.location": ca,
        "kafka.ssl.keystore.type": "PEM",
        "kafka.ssl.keystore.location": own,
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{protocol: SASL_SSL, username: analyst}", "MDSTREAM_KAFKA__SECURITY__PASSWORD"),
        ("{protocol: SASL_SSL, password: hunter2}", "MDSTREAM_KAFKA__SECURITY__USERNAME"),
        ("{ca_file: ca.pem}", "the protocol is PLAINTEXT"),
        ("{protocol: SSL, username: analyst}", "the protocol is SSL"),
        ("{protocol: TLS}", "SASL_SSL"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "mdstream.yaml"
    file.write_text(f"kafka: {{security: {content}}}")
    with pytest.raises(ConfigError, match=said) as refused:
        load_settings(file)
    assert "hunter2" not in str(refused.value)
