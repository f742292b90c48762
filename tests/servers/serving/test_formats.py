"""Series as CSV and Arrow, tags and freshness."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from httpx import AsyncClient

from mdstream.config import TimescaleSettings
from mdstream.schemas import ANOMALY, BAR, PREDICTION, STORED_TICK
from tests.servers.serving.rows import (
    INDICATORS,
    NOON,
    anomaly,
    bar,
    indicators,
    prediction,
    store,
    store_bars,
    store_ticks,
    tick,
)

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)
SERIES = {
    "ticks/AAPL": STORED_TICK,
    "aggregated/AAPL": BAR,
    "indicators/AAPL?limit=10": INDICATORS,
    "anomalies": ANOMALY,
    "predictions/AAPL": PREDICTION,
}


@pytest.fixture
def filled(database: TimescaleSettings) -> TimescaleSettings:
    store_ticks(
        database,
        tick(1, NOON + timedelta(microseconds=1), conditions=["@", "T"], source="massive", sequence=2**53 + 1),
        tick(2, NOON + timedelta(seconds=1), price=0.1 + 0.2, conditions=[], exchange='a "quoted", one'),
        tick(3, NOON + timedelta(seconds=2)),
    )
    store_bars(database, *(bar(NOON + MINUTE * number, volume=float(number)) for number in range(3)))
    store(database, INDICATORS, indicators(sma_20=100.5), indicators(NOON + MINUTE, sma_20=None))
    store(database, ANOMALY, anomaly(message="two\nlines"), anomaly(rule="other", value=None))
    store(database, PREDICTION, prediction(), prediction(horizon=15, lower=99.0))
    return database


def with_format(path: str, form: str) -> str:
    return f"/api/v1/{path}{'&' if '?' in path else '?'}format={form}"


@pytest.mark.parametrize("path", SERIES)
async def test_arrow_has_the_rows_types_and_comments(client: AsyncClient, filled: object, path: str) -> None:
    as_json = (await client.get(f"/api/v1/{path}")).json()["items"]
    response = await client.get(with_format(path, "arrow"))

    table = pa.ipc.open_stream(response.content).read_all()
    assert response.headers["Content-Type"] == "application/vnd.apache.arrow.stream"
    assert table.schema.equals(SERIES[path].schema, check_metadata=True)
    assert [as_text(row) for row in table.to_pylist()] == as_json
    assert len(as_json) >= 2


@pytest.mark.parametrize("path", SERIES)
async def test_csv_has_the_rows(client: AsyncClient, filled: object, path: str) -> None:
    as_json = (await client.get(f"/api/v1/{path}")).json()["items"]
    response = await client.get(with_format(path, "csv"))

    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert [list(row) for row in rows] == [SERIES[path].schema.names] * len(as_json)
    for row, expected in zip(rows, as_json, strict=True):
        for name, value in expected.items():
            assert same(row[name], value), (name, row[name], value)


def same(cell: str, value: object) -> bool:
    if value is None:
        return cell == ""
    if value == []:
        return cell == "[]"
    if isinstance(value, bool):
        return cell == str(value).lower()
    if isinstance(value, int | float):
        return float(cell) == value if isinstance(value, float) else int(cell) == value
    if isinstance(value, list):
        return cell == ";".join(value)
    return cell == value or datetime.fromisoformat(cell) == datetime.fromisoformat(str(value))


def as_text(row: dict[str, object]) -> dict[str, object]:
    def text(time: datetime) -> str:
        return time.astimezone(UTC).isoformat().replace("+00:00", "Z")

    return {name: text(value) if isinstance(value, datetime) else value for name, value in row.items()}


@pytest.mark.parametrize("form", ["csv", "arrow"])
async def test_an_empty_page_has_its_columns(client: AsyncClient, filled: object, form: str) -> None:
    response = await client.get(f"/api/v1/ticks/AAPL?end=2001-01-01&format={form}")

    assert response.status_code == 200
    if form == "csv":
        assert next(csv.reader(io.StringIO(response.text))) == STORED_TICK.schema.names
    else:
        assert pa.ipc.open_stream(response.content).read_all().equals(STORED_TICK.empty())


async def test_pages_of_csv_follow_the_headers(client: AsyncClient, filled: object) -> None:
    first = await client.get("/api/v1/aggregated/AAPL?limit=2&format=csv&window=1min")
    second = await client.get(f"/api/v1/aggregated/AAPL{first.links['next']['url']}")

    assert first.links["next"]["url"].startswith("?limit=2&format=csv&window=1min&cursor=")
    assert first.headers["X-Next-Cursor"] in first.links["next"]["url"]
    volumes = [[row["volume"] for row in csv.DictReader(page.text.splitlines())] for page in (first, second)]
    assert volumes == [["2", "1"], ["0"]]
    assert "next" not in second.links
    assert "X-Next-Cursor" not in second.headers


async def test_an_unknown_format(client: AsyncClient) -> None:
    response = await client.get("/api/v1/ticks/AAPL?format=xml")

    assert (response.status_code, response.json()["error"]["field"]) == (422, "format")
    assert "'json', 'csv' or 'arrow'" in response.json()["error"]["message"]


@pytest.mark.parametrize("form", ["json", "csv", "arrow"])
async def test_nothing_is_sent_twice(client: AsyncClient, filled: TimescaleSettings, form: str) -> None:
    path = f"/api/v1/aggregated/AAPL?limit=2&format={form}"
    first = await client.get(path)
    unchanged = await client.get(path, headers={"If-None-Match": f'"other", {first.headers["ETag"]}'})
    store_bars(filled, bar(NOON + MINUTE * 2, volume=9.0, trade_count=2))
    changed = await client.get(path, headers={"If-None-Match": first.headers["ETag"]})

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["ETag"] == first.headers["ETag"]
    assert unchanged.headers["X-Source"] == "database"
    assert (changed.status_code, changed.headers["ETag"] != first.headers["ETag"]) == (200, True)


@pytest.mark.parametrize(
    ("parameters", "freshness"),
    [
        ("", "private, no-cache"),
        ("?start=2024-05-06", "private, no-cache"),
        ("?end=2024-05-07", "private, max-age=300"),
        ("?end={now}", "private, no-cache"),
        # Within the day by which ticks may be late, and then the longest window.
        ("?end={a_day_ago}", "private, no-cache"),
        ("?end={long_ago}", "private, max-age=300"),
    ],
)
async def test_only_what_is_settled_may_be_kept(
    client: AsyncClient, filled: object, parameters: str, freshness: str
) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    times = {"now": now, "a_day_ago": now - timedelta(days=1), "long_ago": now - timedelta(days=1, minutes=16)}
    shown = parameters.format(**{name: time.isoformat() for name, time in times.items()})

    response = await client.get(f"/api/v1/aggregated/AAPL{shown}")

    assert response.headers["Cache-Control"] == freshness


async def test_the_newest_tick_is_never_kept(client: AsyncClient, filled: object) -> None:
    assert (await client.get("/api/v1/latest/AAPL")).headers["Cache-Control"] == "no-store"
