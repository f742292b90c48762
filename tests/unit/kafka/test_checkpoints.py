from __future__ import annotations

from pathlib import Path

from mdstream.kafka.checkpoints import reached_offsets, records_behind

_BATCH = """v1
{"batchWatermarkMs":0,"batchTimestampMs":1763800000000,"conf":{}}
{"tick_data":{"1":%d,"0":%d}}"""


def _write_batch(checkpoint: Path, number: int, first: int, second: int, *, done: bool) -> None:
    """As Spark 4.3 writes it, seen in a checkpoint of a query that reads Kafka."""
    for folder in ("offsets", "commits"):
        (checkpoint / folder).mkdir(parents=True, exist_ok=True)
    (checkpoint / "offsets" / str(number)).write_text(_BATCH % (second, first))
    (checkpoint / "offsets" / f".{number}.crc").write_bytes(b"crc")
    if done:
        (checkpoint / "commits" / str(number)).write_text('v1\n{"nextBatchWatermarkMs":0}')
        (checkpoint / "commits" / f".{number}.crc").write_bytes(b"crc")


def test_everything_is_behind_before_the_first_batch(tmp_path: Path) -> None:
    assert records_behind(tmp_path / "store_ticks", "tick_data", {0: 5, 1: 7}) == 12
    _write_batch(tmp_path / "store_ticks", 0, 3, 4, done=False)
    assert records_behind(tmp_path / "store_ticks", "tick_data", {0: 5, 1: 7}) == 12


def test_newest_finished_batch_counts(tmp_path: Path) -> None:
    for number, done in ((8, True), (9, True), (10, True), (11, False)):
        _write_batch(tmp_path, number, first=number, second=2 * number, done=done)
    assert records_behind(tmp_path, "tick_data", {0: 15, 1: 20}) == 5
    assert records_behind(tmp_path, "tick_data", {0: 15, 1: 20, 2: 100}) == 105


def test_a_query_of_several_sources(tmp_path: Path) -> None:
    """As `live_bars` has one a partition; a file source and one without data count nowhere."""
    _write_batch(tmp_path, 7, first=5, second=6, done=True)
    sources = ('{"tick_data":{"0":5}}', "-", '{"tick_data":{"1":9}}', '{"logOffset":3}', '{"other":{"0":1}}')
    (tmp_path / "offsets" / "7").write_text("\n".join(["v1", "{}", *sources]))
    assert reached_offsets(tmp_path) == {"tick_data": {0: 5, 1: 9}, "other": {0: 1}}
    assert reached_offsets(tmp_path / "nowhere") == {}
