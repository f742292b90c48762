"""Work in the background that fails begins again, and says so for a while."""

from __future__ import annotations

import asyncio
import logging

import pytest

from mdstream.serving import keeping
from mdstream.serving.keeping import Keeper


def test_what_fails_begins_again(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(keeping, "AGAIN_SECONDS", 0.0)
    keeper, problems = Keeper(), list[str | None]()

    async def work() -> None:
        problems.append(keeper.problem)
        if len(problems) < 3:
            raise KeyError("message")

    asyncio.run(keeper.keep("reading", work))

    said = "reading failed (KeyError) and was begun again"
    assert problems == [None, said, said]
    assert [entry.levelno for entry in caplog.records] == [logging.ERROR] * 2
    monkeypatch.setattr(keeping, "SHOWN_SECONDS", -1.0)
    assert keeper.problem is None


def test_it_ends_when_it_is_told_to() -> None:
    async def run() -> bool:
        task = asyncio.create_task(Keeper().keep("waiting", asyncio.Event().wait))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert asyncio.run(run())
