"""How far a query had come, as the files of its checkpoint say."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from mdstream.config import Settings, SparkSettings
from mdstream.streaming.checkpoint_files import is_there, reached_before, remove

NAME = "query"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(spark=SparkSettings(checkpoint_location=str(tmp_path)))


def end_batch(folder: Path, number: int, offsets: str) -> None:
    for log, content in (("offsets", f"v1\n{{}}\n{offsets}"), ("commits", "v1\n{}")):
        (folder / NAME / log).mkdir(parents=True, exist_ok=True)
        (folder / NAME / log / str(number)).write_text(content)


def test_the_last_whole_batch_counts(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    assert reached_before(spark, settings, NAME) == {}
    (tmp_path / NAME / "commits").mkdir(parents=True)
    assert reached_before(spark, settings, NAME) == {}
    for number in (8, 9, 10):
        end_batch(tmp_path, number, f'{{"tick_data":{{"0":{number},"1":5}}}}')
    end_batch(tmp_path, 11, '{"tick_data":{"0":99,"1":99}}')
    (tmp_path / NAME / "commits" / "11").rename(tmp_path / NAME / "commits" / ".11.crc")
    assert reached_before(spark, settings, NAME) == {0: 10, 1: 5}


@pytest.mark.parametrize("torn", ["offsets", ""])
def test_of_what_is_torn_nothing_is_known(spark: SparkSession, settings: Settings, tmp_path: Path, torn: str) -> None:
    end_batch(tmp_path, 3, '{"tick_data":{"0":7}}')
    file = tmp_path / NAME / "offsets" / "3"
    if torn:
        file.write_text(file.read_text()[:-3])
    else:
        file.unlink()
    assert reached_before(spark, settings, NAME) == {}


def test_files_are_found_and_removed(spark: SparkSession, tmp_path: Path) -> None:
    file = tmp_path / "folder" / "file"
    file.parent.mkdir()
    file.write_text("")
    assert is_there(spark, str(file))
    remove(spark, str(file.parent))
    assert not is_there(spark, str(file))
    remove(spark, str(file.parent))
