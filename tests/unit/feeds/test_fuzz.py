"""Any bytes in: ticks or rejects come out, and the only error is one of ours about the file as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mdstream.errors import InvalidInputError
from mdstream.feeds.files import read_ticks
from mdstream.feeds.rejects import encode_dead_letter
from mdstream.feeds.validation import refusals
from mdstream.schemas import TICK
from mdstream.schemas.wire import encode_batch

RECEIVED = 1_900_000_000_000_000
fuzzed = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])

GOOD_LINE = {
    "t.jsonl": b'{"symbol":"AAPL","price":1.5,"size":100,"event_time":1381154400464123}',
    "t.csv": b"AAPL,1.5,100,1381154400464123,@;F,7",
}
HEADER = {"t.jsonl": b"", "t.csv": b"symbol,price,size,event_time,conditions,sequence\n"}


def outcome(path: Path) -> tuple[int, int]:
    """Read a file and use all of it as the pipeline does; return the numbers of ticks and rejects."""
    ticks = rejects = 0
    for batch in read_ticks(path):
        ticks += len(encode_batch(batch.ticks))
        rejects += len(batch.rejects)
        assert not refusals(batch.ticks, received_micros=RECEIVED)
        for reject in batch.rejects:
            assert reject.reason
            assert json.loads(encode_dead_letter(reject, "replay", 0))["reason"] == reject.reason
    return ticks, rejects


line = st.binary(max_size=60).map(lambda data: data.replace(b"\n", b" ").replace(b"\r", b" "))


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv"])
@fuzzed
@given(lines=st.lists(line, max_size=6))
@example(lines=[b'"'])
@example(lines=[b'"AAPL,1.5,100,1381154400464123,@;F,7', b'AAPL,"'])
@example(lines=[b"[" * 60])
@example(lines=[b'{"symbol":"\\ud800","price":NaN}'])
def test_any_lines_between_good_ones(tmp_path: Path, name: str, lines: list[bytes]) -> None:
    good = GOOD_LINE[name]
    content = b"\n".join([good, *(part for each in lines for part in (each, good))])
    path = tmp_path / name
    path.write_bytes(HEADER[name] + content)
    ticks, rejects = outcome(path)
    written = len(lines) - sum(not each.strip() for each in lines)
    assert ticks + rejects == written + len(lines) + 1
    assert ticks >= len(lines) + 1


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv", "t.parquet", "t.csv.gz", "t.jsonl.gz"])
@fuzzed
@given(content=st.binary(max_size=200))
def test_any_bytes(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    try:
        outcome(path)
    except InvalidInputError as error:
        assert str(path) in str(error)  # noqa: PT017


json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=2),
    max_leaves=5,
)
json_tick = st.dictionaries(st.sampled_from(TICK.schema.names), json_value)


@fuzzed
@given(st.lists(json_tick, max_size=6))
def test_any_json_values(tmp_path: Path, objects: list[dict[str, Any]]) -> None:
    good = json.loads(GOOD_LINE["t.jsonl"])
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(json.dumps({**good, **fields}) for fields in objects))
    assert sum(outcome(path)) == len(objects)


cell = st.text(max_size=10).map(lambda text: text.replace("\n", " ").replace("\r", " "))
number_like = st.floats().map(str) | st.integers().map(str) | st.datetimes().map(str) | st.decimals().map(str)


@fuzzed
@given(st.lists(st.lists(cell | number_like, min_size=6, max_size=6), min_size=1, max_size=6))
def test_any_csv_cells(tmp_path: Path, rows: list[list[str]]) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    path = tmp_path / "t.csv"
    lines = [",".join(map(quoted, row)) for row in rows]
    path.write_bytes(HEADER["t.csv"] + "\n".join(lines).encode())
    assert sum(outcome(path)) == len(rows)


def integers(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


ARRAYS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), integers(64)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float64(), st.floats()),
    (pa.float32(), st.floats(width=32)),
    (pa.bool_(), st.booleans()),
    (pa.string(), st.text(max_size=10)),
    (pa.large_string(), number_like),
    (pa.binary(), st.binary(max_size=10)),
    (pa.decimal128(30, 4), st.decimals(-(10**20), 10**20, places=4)),
    (pa.timestamp("us"), integers(64)),
    (pa.timestamp("ns", "Asia/Tokyo"), integers(64)),
    (pa.timestamp("ms", "UTC"), integers(64)),
    (pa.date32(), integers(32)),
    (pa.time64("us"), st.integers(0, 86_399_999_999)),
    (pa.list_(pa.string()), st.lists(st.none() | st.text(max_size=4), max_size=3)),
    (pa.list_(pa.float64()), st.lists(st.floats(), max_size=3)),
    (pa.struct([("a", pa.int64())]), st.fixed_dictionaries({"a": integers(64)})),
]


def to_array(kind: pa.DataType, values: list[Any]) -> pa.Array:
    if pa.types.is_timestamp(kind):
        return pa.array(values, pa.int64()).cast(kind)
    return pa.array(values, pa.int32()).cast(kind) if pa.types.is_date32(kind) else pa.array(values, kind)


@pytest.mark.parametrize(("kind", "values"), ARRAYS, ids=[str(kind) for kind, _ in ARRAYS])
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_parquet_column(
    tmp_path: Path, kind: pa.DataType, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    rows = data.draw(st.lists(st.none() | values, min_size=1, max_size=6))
    count = len(rows)
    columns = {
        "symbol": pa.array(["AAPL"] * count),
        "price": pa.array([1.5] * count),
        "size": pa.array([100.0] * count),
        "event_time": pa.array([1_381_154_400_464_123] * count),
    }
    name = data.draw(st.sampled_from(TICK.schema.names))
    pq.write_table(pa.table({**columns, name: to_array(kind, rows)}), tmp_path / "t.parquet")
    assert sum(outcome(tmp_path / "t.parquet")) == count


def test_the_fuzzed_paths_are_the_real_ones(tmp_path: Path) -> None:
    """The good lines above are ticks: else those tests would show nothing."""
    for name, good in GOOD_LINE.items():
        (tmp_path / name).write_bytes(HEADER[name] + good)
        assert outcome(tmp_path / name) == (1, 0)
