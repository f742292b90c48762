"""Adds Java archives to a bill of materials: Spark's own, and those that local servers and jobs fetch.

Usage: python ci/sbom/java_archives.py build/sbom.json
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from mdstream.config import SparkSettings
from mdstream.runtime.engine import COMPILER_PACKAGE
from mdstream.runtime.jars import KAFKA_SERVER_PACKAGE, are_cached, fetch_jars, spark_home
from mdstream.runtime.java import find_java

_NAME = re.compile(r"(?P<name>.+?)-(?P<version>\d[^/]*)\.jar")
_PROPERTIES = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties")
_POM = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.xml")
_LICENCE = re.compile(r"<license>.*?<name>(.*?)</name>", re.DOTALL)
_BUNDLE_LICENCE = re.compile(r"^Bundle-License: (.*)$", re.MULTILINE)


def archives() -> Iterator[Path]:
    """Yield every archive that runs with mdstream; those that have not been fetched yet are said to be missing."""
    yield from sorted((spark_home() / "jars").glob("*.jar"))
    java = find_java()
    for packages in (SparkSettings().packages, (KAFKA_SERVER_PACKAGE,), (COMPILER_PACKAGE,)):
        if are_cached(packages):
            yield from fetch_jars(packages, java)
        else:
            sys.stderr.write(f"not fetched yet, and so not in it: {', '.join(packages)}\n")


def component(archive: Path) -> dict[str, Any]:
    """Return what CycloneDX says of one archive."""
    group, name, version, licence = _described(archive)
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"{archive.parent.name}/{archive.name}",
        "name": name,
        "version": version,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(archive.read_bytes()).hexdigest()}],
    }
    if group:
        found |= {"group": group, "purl": f"pkg:maven/{group}/{name}@{version}"}
    if licence:
        found["licenses"] = [{"license": {"name": licence}}]
    return found


def _described(archive: Path) -> tuple[str, str, str, str]:
    """Return group, name, version and licence, as far as the archive or its name says them."""
    # Ivy puts the group in front, which has full stops and no dashes before its own underscore.
    prefixed = re.match(r"((?:\w+\.)+[\w-]+?)_(?=\D)", archive.name)
    group = prefixed[1] if prefixed else ""
    named = _NAME.fullmatch(archive.name.removeprefix(f"{group}_"))
    name, version = (named["name"], named["version"]) if named else (archive.stem, "")
    with ZipFile(archive) as content:
        names = content.namelist()
        declared = [place for place in names if _PROPERTIES.fullmatch(place)]
        # Of several the archive holds other libraries too.
        if len(declared) == 1:
            said = dict(re.findall(r"^(\w+)=(.*?)\r?$", content.read(declared[0]).decode("utf-8", "replace"), re.M))
            group = said.get("groupId", group)
            name, version = said.get("artifactId", name), said.get("version", version)
        licence = _licence_in(content, names)
    return group, name, version, licence


def _licence_in(content: ZipFile, names: list[str]) -> str:
    if "META-INF/MANIFEST.MF" in names:
        manifest = re.sub(r"\r?\n ", "", content.read("META-INF/MANIFEST.MF").decode("utf-8", "replace"))
        if found := _BUNDLE_LICENCE.search(manifest):
            return found[1].strip()
    for place in names:
        if _POM.fullmatch(place) and (found := _LICENCE.search(content.read(place).decode("utf-8", "replace"))):
            return found[1].strip()
    return ""


def main() -> None:
    """Add them to the file that is named."""
    bill = Path(sys.argv[1])
    content = json.loads(bill.read_text(encoding="utf-8"))
    added = [component(archive) for archive in archives()]
    content["components"] = [*content.get("components", ()), *added]
    bill.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"{bill}: {len(content['components'])} components, {len(added)} of them Java archives\n")


if __name__ == "__main__":
    main()
