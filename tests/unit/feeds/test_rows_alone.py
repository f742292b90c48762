"""Every row is judged alone: the rows of a file alone, together and shuffled have the same verdicts."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mdstream.feeds.columns import convert
from mdstream.feeds.files import ROW_NUMBER, read_ticks
from mdstream.feeds.form import FileForm
from mdstream.feeds.rejects import Reject
from mdstream.schemas import TICK
from mdstream.schemas.units import Unit
from tests.unit.feeds.test_fuzz import ARRAYS, to_array

GOOD = {"symbol": "AAPL", "price": 1.5, "size": 100, "event_time": 1_381_154_400_464_123}
quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def verdicts(path: Path, form: FileForm, first: int) -> list[object]:
    """Return what became of each row: the tick without its place, or the reason against it."""
    found: dict[int, object] = {}
    for batch in read_ticks(path, form=form):
        for tick in batch.ticks.to_pylist():
            found[tick.pop(ROW_NUMBER)] = tick
        for reject in batch.rejects:
            assert isinstance(reject, Reject)
            assert reject.row is not None
            # Hints name the time of the call.
            found[reject.row] = (reject.reason.split("; as ")[0], reject.payload)
    return [found[row] for row in range(first, first + len(found))]


def assert_judged_alone(rows: list[str], head: list[str], path: Path, unit: Unit) -> None:
    form, first = FileForm(unit=unit), len(head) + 1

    def of(lines: list[str]) -> list[object]:
        path.write_text("\n".join([*head, *lines]) + "\n")
        return verdicts(path, form, first)

    together = of(rows)
    assert together == [verdict for row in rows for verdict in of([row])]
    order = list(range(len(rows)))
    random.Random(1).shuffle(order)
    assert of([rows[place] for place in order]) == [together[place] for place in order]


numbers = (
    st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from([0.0, -0.0, 1e300, 1_767_623_400_000_000.0, 1_767_623_400.5, 1767623400, 2**53 + 1, 2**63, 7.0])
)
texts = (
    st.text(max_size=6)
    | numbers.map(str)
    | st.sampled_from(
        ["12,37", "[12,37]", '["12"]', "12 37", "{", "nan", "2026-01-05T14:30:00Z", "20260105T143000z", "1.5e9", " "]
    )
)
json_values = st.none() | st.booleans() | numbers | texts | st.lists(numbers | texts, max_size=3) | st.just({"a": 1})
tick = st.fixed_dictionaries({}, optional=dict.fromkeys(TICK.schema.names, json_values))


@quick
@given(rows=st.lists(tick, min_size=1, max_size=5), unit=st.sampled_from(Unit))
@example(
    rows=[{"event_time": 1767623400000000.0}, {"event_time": "2026-01-05T14:30:02Z"}, {"event_time": {"$date": 1}}],
    unit=Unit.MICROSECONDS,
)
@example(rows=[{"trade_id": 1.5}, {"trade_id": "x"}, {"trade_id": 7}], unit=Unit.MICROSECONDS)
@example(rows=[{"sequence": 2**53 + 1}, {"sequence": 1.0}, {"sequence": "9"}], unit=Unit.MICROSECONDS)
def test_json_lines(tmp_path: Path, rows: list[dict[str, Any]], unit: Unit) -> None:
    lines = [json.dumps({**GOOD, **row}) for row in rows]
    assert_judged_alone(lines, [], tmp_path / "t.jsonl", unit)


text_row = st.fixed_dictionaries({}, optional=dict.fromkeys(TICK.schema.names, texts))


@quick
@given(rows=st.lists(text_row, min_size=1, max_size=5), unit=st.sampled_from(Unit))
def test_csv(tmp_path: Path, rows: list[dict[str, str]], unit: Unit) -> None:
    def line(values: list[str]) -> str:
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="").writerow(values)
        return text.getvalue().replace("\n", " ").replace("\r", " ")

    names = TICK.schema.names
    lines = [line([str({**GOOD, **row}.get(name, "")) for name in names]) for row in rows]
    assert_judged_alone(lines, [",".join(names)], tmp_path / "t.csv", unit)


@pytest.mark.parametrize(("kind", "values"), ARRAYS, ids=[str(kind) for kind, _ in ARRAYS])
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_columns_of_any_type(kind: pa.DataType, values: st.SearchStrategy[Any], data: st.DataObject) -> None:
    rows = to_array(kind, data.draw(st.lists(st.none() | values, min_size=1, max_size=6)))
    for target in set(TICK.schema.types):
        together, failed = convert(rows, target)
        assert len(together) == len(rows)
        for row in range(len(rows)):
            alone, failed_alone = convert(rows.take(pa.array([row])), target)
            assert str(alone) == str(together.slice(row, 1))
            assert list(failed_alone) == ([0] if row in failed else [])


def test_a_row_that_cannot_be_read_leaves_its_parquet_neighbours_alone(tmp_path: Path) -> None:
    broken = pa.array([b"@", b"\xff", b"F"], pa.binary()).view(pa.string())
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3, 3], pa.int32()), broken)
    columns = {name: pa.array([value] * 4) for name, value in GOOD.items()}
    pq.write_table(pa.table({**columns, "conditions": lists}), tmp_path / "t.parquet")
    [batch] = read_ticks(tmp_path / "t.parquet")
    assert batch.ticks["conditions"].to_pylist() == [["@"], ["F"], []]
    assert [reject.row for reject in batch.rejects] == [2]
