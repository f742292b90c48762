"""Tables of an older version: `maintain` adds what they lack, their rows stay, and are revised and served."""

from __future__ import annotations

import gzip
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from mdstream.config import StoreSettings, TimescaleSettings
from mdstream.schemas import ANOMALY, BAR
from mdstream.serving.rest import create_app
from mdstream.stores.timescaledb import maintain
from tests.servers.serving.direct import asking, direct_engine
from tests.servers.serving.rows import NOON, RECORDS, SETTINGS, anomaly, bar, store

pytestmark = [pytest.mark.servers, pytest.mark.anyio]
FILES = sorted(Path(__file__).parent.glob("tables_*.sql.gz"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_there_are_tables_of_before() -> None:
    assert FILES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
async def test_old_rows_are_served_and_revised(file: Path, fresh_database: TimescaleSettings) -> None:
    raw = direct_engine(fresh_database).raw_connection()
    raw.cursor().execute(gzip.decompress(file.read_bytes()).decode())
    raw.commit()
    raw.close()
    steps = maintain(fresh_database, RECORDS, date(2024, 5, 6))
    assert {step.table for step in steps}.isdisjoint({"predictions"})
    assert maintain(fresh_database, RECORDS, date(2024, 5, 6)) == []

    store(fresh_database, BAR, bar(trade_count=9, close=99.75), bar(NOON + timedelta(minutes=2), trade_count=1))
    store(fresh_database, ANOMALY, anomaly(severity="critical", trade_count=9))
    app = create_app(SETTINGS.model_copy(update={"stores": StoreSettings(timescaledb=fresh_database)}))
    asked = {"start": NOON.isoformat(), "end": (NOON + timedelta(hours=1)).isoformat(), "order": "asc", "limit": "9"}
    async with asking(app) as client:
        answers = {
            path: (await client.get(f"/api/v1/{path}/AAPL", params=asked | more)).json()["items"]
            for path, more in (("ticks", {}), ("aggregated", {"window": "1min"}), ("indicators", {"window": "1min"}))
        }
    assert [(each["close"], each["trade_count"]) for each in answers["aggregated"]] == [
        (99.75, 9),
        (101.0, 2),
        (101.0, 3),
    ]
    assert [(each["sma_20"], each["rsi_14"]) for each in answers["indicators"]] == [
        (100.25, 50.0), (101.25, 51.0), (102.25, 52.0),
    ]  # fmt: skip
    assert [each["price"] for each in answers["ticks"]] == [100.0, 101.0, 102.0, 103.0, 104.0]
    with direct_engine(fresh_database).connect() as connection:
        found = connection.execute(sa.text("SELECT rule, severity, trade_count FROM anomalies ORDER BY rule")).all()
        predicted = connection.execute(sa.text("SELECT predicted_price FROM predictions")).all()
    assert [tuple(row) for row in found] == [("price_spike", "critical", 9), ("volume_spike", "medium", 1)]
    assert [tuple(row) for row in predicted] == [(100.5,)]
