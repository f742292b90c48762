from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mdstream.errors import ServerError
from mdstream.runtime.cache import cache_folder, cached


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_lies_in_the_home_folder_without_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "mdstream"


def test_is_built_once_by_many_at_the_same_time() -> None:
    built: list[Path] = []
    start = threading.Barrier(8)

    def build(folder: Path) -> None:
        built.append(folder)
        (folder / "jar").write_text("content")

    def want() -> None:
        start.wait()
        assert (cached("thing", build) / "jar").read_text() == "content"

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


def test_failed_build_leaves_nothing_and_is_tried_again() -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise ServerError("no network")

    with pytest.raises(ServerError, match="no network"):
        cached("thing", fail)
    assert [path for path in cache_folder().iterdir() if path.is_dir()] == []
    assert [path.name for path in cached("thing", lambda folder: (folder / "whole").touch()).iterdir()] == ["whole"]


def test_what_a_killed_build_left_goes_with_the_next_one() -> None:
    left = cache_folder() / ".thing-abc123"
    left.mkdir(parents=True)
    (left / "half").touch()
    cached("thing", lambda folder: (folder / "whole").touch())
    assert sorted(path.name for path in cache_folder().iterdir()) == ["thing", "thing.lock"]


def test_unwritable_cache_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder is needed")
    with pytest.raises(ServerError, match="XDG_CACHE_HOME"):
        cached("thing", Path.touch)
