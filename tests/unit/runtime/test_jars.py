from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from mdstream.errors import ServerError
from mdstream.runtime.jars import fetch_jars
from mdstream.runtime.java import find_java

_DESCRIPTION = """<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId>
<artifactId>thing</artifactId><version>1.0</version></project>"""
_PACKAGE = "org.apache.kafka:kafka_2.13:4.2.0"


@pytest.fixture(autouse=True)
def _empty_cache_without_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # Nothing listens on the discard port: every connection to a registry is refused.
    proxy = "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=9 -Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=9"
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", f"{proxy} -Duser.home={tmp_path}")


def test_unreachable_registry_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"cannot fetch org.apache.kafka:kafka_2.13:4.2.0.*network") as caught:
        fetch_jars([_PACKAGE], find_java())
    assert "Connection refused" in str(caught.value)
    assert [path for path in (tmp_path / "cache" / "mdstream").glob("jars-*") if path.is_dir()] == []


def test_cached_jars_need_no_network(tmp_path: Path) -> None:
    java = find_java()
    folder = tmp_path / "cache" / "mdstream" / "jars-kafka_2.13_4.2.0-3df45013"
    folder.mkdir(parents=True)
    (folder / "kafka.jar").touch()
    assert fetch_jars([_PACKAGE], java) == [folder / "kafka.jar"]


def test_what_maven_has_in_part_in_the_users_home_stands_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, maven, conf = tmp_path / "registry", tmp_path / ".m2" / "repository", tmp_path / "conf"
    for repository in (registry, maven):
        folder = repository / "org" / "example" / "thing" / "1.0"
        folder.mkdir(parents=True)
        (folder / "thing-1.0.pom").write_text(_DESCRIPTION)
    with zipfile.ZipFile(registry / "org/example/thing/1.0/thing-1.0.jar", "w") as jar:
        jar.writestr("thing.txt", "it is here")
    conf.mkdir()
    (conf / "spark-defaults.conf").write_text(f"spark.jars.repositories {registry.as_uri()}")
    monkeypatch.setenv("SPARK_CONF_DIR", str(conf))
    monkeypatch.setenv("HOME", str(tmp_path))
    [jar_file] = fetch_jars(["org.example:thing:1.0"], find_java())
    assert jar_file.name == "org.example_thing-1.0.jar"
    assert [path.name for path in jar_file.parent.iterdir()] == [jar_file.name]
