"""Many who ask at once whether the database can be used, all of whom are told."""

from __future__ import annotations

import asyncio

import pytest

from mdstream.config import TimescaleSettings
from mdstream.stores.timescaledb.reading import Database

pytestmark = pytest.mark.anyio


async def test_no_answer_is_taken_from_under_another(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(TimescaleSettings(port=1), 1, [])

    async def find_problem(_: Database) -> str | None:
        await asyncio.sleep(0)
        return "away"

    monkeypatch.setattr(Database, "_find_problem", find_problem)

    async def ask_often(pauses: int) -> set[str | None]:
        found = set()
        for _ in range(100):
            found.add(await database.problem())
            for _ in range(pauses):
                await asyncio.sleep(0)
        return found

    assert await asyncio.gather(*map(ask_often, range(8))) == [{"away"}] * 8
    await database.close()
