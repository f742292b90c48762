from __future__ import annotations

from pathlib import Path

import pytest

from mdstream.errors import ServerError
from mdstream.local.jars import fetch_jars
from mdstream.local.java import find_java

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
