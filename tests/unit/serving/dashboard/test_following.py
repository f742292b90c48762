"""However many charts are opened, the WebSocket server is asked little, and in the end for all of them."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.serving.dashboard.charts import Charts
from mdstream.serving.dashboard.following import Following
from mdstream.serving.dashboard.live import Live, Subscription

ALWAYS: Subscription = {"symbols": ["*"], "channels": ["bar"], "windows": ["1min"]}
PLACES = st.tuples(st.sampled_from("ABCDE"), st.sampled_from(["1min", "5min"]))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Server:
    """What the server has been told."""

    def __init__(self) -> None:
        self.messages = 0
        self.followed: set[tuple[str, str]] = set()

    async def subscribe(self, subscription: Subscription) -> None:
        self.messages += 1
        self.followed |= {(symbol, subscription["windows"][0]) for symbol in subscription["symbols"]}

    async def unsubscribe(self, subscription: Subscription) -> None:
        self.messages += 1
        self.followed -= {(symbol, subscription["windows"][0]) for symbol in subscription["symbols"]}


async def keep_up(following: Following, server: Server) -> None:
    before = server.messages
    await following.keep_up(cast("Live", server))
    assert server.messages <= before + 2


@pytest.mark.anyio
async def test_two_hundred_charts_are_one_message() -> None:
    charts, server = Charts(300, []), Server()
    following = Following(charts, [ALWAYS])
    for number in range(190):
        charts.open(f"ZZ{number}", "1min", 0.0, is_known=True)
    await keep_up(following, server)

    assert server.messages == 1
    assert len(server.followed) == 190
    await keep_up(following, server)
    assert server.messages == 1
    assert next(iter(following.all())) == ALWAYS
    assert len([*following.all()]) == 2


@given(st.lists(st.tuples(PLACES, st.floats(0, 1000), st.booleans())))
def test_in_the_end_the_server_brings_what_is_open(steps: list[tuple[tuple[str, str], float, bool]]) -> None:
    charts, server = Charts(300, []), Server()
    following = Following(charts, [])

    async def work() -> None:
        for place, now, round_too in steps:
            charts.open(*place, now, is_known=place[0] < "C")
            charts.close_unseen(now)
            if round_too:
                await keep_up(following, server)
        for _ in range(3):
            await keep_up(following, server)

    asyncio.run(work())
    assert server.followed == {(chart.symbol, chart.window) for chart in charts}
