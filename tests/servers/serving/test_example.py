"""The script of examples/ that asks the REST API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from mdstream.config import TimescaleSettings
from tests.examples_of_users import script
from tests.servers.serving.rows import NOON, bar, store_bars

pytestmark = pytest.mark.servers


def test_all_bars_come_page_by_page(app: FastAPI, database: TimescaleSettings) -> None:
    starts = [NOON + timedelta(minutes=minute) for minute in range(1_003)]
    store_bars(database, *(bar(start, close=100.0) for start in starts))
    with TestClient(app, base_url="http://localhost") as client:
        found = [each["window_start"] for each in script("ask_rest").bars_of(client, "AAPL")]
    assert found == [start.strftime("%Y-%m-%dT%H:%M:%SZ") for start in reversed(starts)]
