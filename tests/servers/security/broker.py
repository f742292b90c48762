"""A broker that wants to know who asks, with certificates made for the test."""

from __future__ import annotations

import ipaddress
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import kafka
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from kafka.errors import KafkaError

from mdstream.embedded import LocalKafka
from mdstream.embedded.server import HOST, free_port

USER = "analyst"
PASSWORD = 'hunter2 "\\quoted'

_SETTINGS = """\
listener.security.protocol.map=LOGIN:SASL_SSL,CERTIFICATE:SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INTERNAL
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
listener.name.certificate.ssl.client.auth=required
listener.name.login.sasl.enabled.mechanisms=PLAIN
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{user}="{password}";
"""


class SecureKafka(LocalKafka):
    """A broker with a listener for passwords, one for certificates, both encrypted, and one for itself."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._certificates = folder
        self.certificate_port = free_port()
        self._internal_port = free_port()
        make_certificates(folder)

    def _listeners(self, controller_port: int) -> str:
        addresses = {
            "LOGIN": self.port,
            "CERTIFICATE": self.certificate_port,
            "INTERNAL": self._internal_port,
        }
        advertised = ",".join(f"{name}://{HOST}:{port}" for name, port in addresses.items())
        password = PASSWORD.replace("\\", "\\\\").replace('"', '\\"').replace("\\", "\\\\")
        settings = _SETTINGS.format(folder=self._certificates, user=USER, password=password)
        return f"listeners={advertised},CONTROLLER://{HOST}:{controller_port}\nadvertised.listeners={advertised}\n{settings}"

    def _answers(self) -> bool:
        try:
            # Asked first because Kafka's clients leave the socket of a refused connection open.
            socket.create_connection((HOST, self._internal_port), timeout=1).close()
            with kafka.KafkaAdminClient(
                bootstrap_servers=f"{HOST}:{self._internal_port}", bootstrap_timeout_ms=2_000
            ) as admin:
                return bool(admin.describe_cluster()["brokers"])
        except (OSError, KafkaError):
            return False


def make_certificates(folder: Path) -> None:
    """Make an authority (ca.pem), and a key with a certificate for the server and for a client."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
    authority = _certificate(name, name, authority_key, authority_key, is_authority=True)
    (folder / "ca.pem").write_bytes(authority.public_bytes(Encoding.PEM))
    for who in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, who)])
        signed = _certificate(subject, name, key, authority_key, is_authority=False)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{who}.pem").write_bytes(pem + signed.public_bytes(Encoding.PEM))


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
