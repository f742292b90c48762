from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from pydantic import SecretStr

from mdstream.errors import FeedError, InvalidInputError
from mdstream.feeds import FeedBatch
from mdstream.feeds.massive import AccessError, BackfillProgress, MassiveRest, Span, TradeBackfill
from tests.http_server import Answer
from tests.unit.feeds.massive.rest_server import KEY, NOT_IN_PLAN, MassiveRestServer, error, trade
from tests.unit.feeds.massive.test_rest import QUICK, START
from tests.waiting import until

OPENING = datetime(2018, 2, 2, 9, tzinfo=UTC)
SPAN = Span(OPENING, OPENING + timedelta(seconds=20))
Result = TypeVar("Result")


@pytest.fixture
def server() -> Iterator[MassiveRestServer]:
    """A server with 12,000 trades of AAPL in the 20 seconds, 7,000 on a page, and 3 of MSFT."""
    with MassiveRestServer(page_rows=7_000).running() as running:
        running.trades["AAPL"] = [trade(number, START + number * 1_500_000) for number in range(12_000)]
        running.trades["MSFT"] = [trade(number, START + number * 10**9) for number in range(3)]
        yield running


def feed_of(server: MassiveRestServer, file: Path, *symbols: str, delivered: list[int] | None = None) -> TradeBackfill:
    async def note() -> None:
        if delivered is not None:
            delivered.append(1)

    rest = MassiveRest(SecretStr(KEY), server.url, waits=QUICK)
    feed = TradeBackfill(rest, SPAN, BackfillProgress(file), note)
    asyncio.run(feed.subscribe(symbols or ["AAPL"]))
    return feed


def run(work: Coroutine[None, None, Result]) -> Result:
    return asyncio.run(asyncio.wait_for(work, 30))


async def batches_of(feed: TradeBackfill, close_after: int | None = None) -> list[FeedBatch]:
    batches: list[FeedBatch] = []
    async for batch in feed:
        batches.append(batch)
        if len(batches) == close_after:
            await feed.close()
    return batches


def numbers(batches: list[FeedBatch]) -> list[int]:
    return [tick["sequence"] - 1063 for batch in batches for tick in batch.ticks]


def test_all_trades_of_all_symbols_come_with_their_own_times(server: MassiveRestServer, tmp_path: Path) -> None:
    delivered: list[int] = []
    batches = run(batches_of(feed_of(server, tmp_path / "state.json", "AAPL", "MSFT", delivered=delivered)))
    assert numbers(batches) == [*range(12_000), *range(3)]
    ticks = [tick for batch in batches for tick in batch.ticks]
    assert ticks[1]["event_time"] == 1_517_562_000_001_000
    assert {(tick["symbol"], tick["source"]) for tick in ticks} == {("AAPL", "massive"), ("MSFT", "massive")}
    assert all(tick["ingest_time"] > tick["event_time"] for tick in ticks)
    assert [len(batch.ticks) for batch in batches] == [5000, 2000, 5000, 3]
    assert len(delivered) == len(batches)
    fractions = [batch.fraction for batch in batches if batch.fraction is not None]
    assert fractions == sorted(fractions)
    assert 0.1 < fractions[0] < fractions[2] < 0.5 < fractions[3] < 1


def test_only_what_is_selected_is_delivered_and_the_rest_counts_as_done(
    server: MassiveRestServer, tmp_path: Path
) -> None:
    async def nothing() -> None:
        pass

    file = tmp_path / "state.json"
    rest = MassiveRest(SecretStr(KEY), server.url, waits=QUICK)
    feed = TradeBackfill(rest, SPAN, BackfillProgress(file), nothing, lambda ticks: ticks[1:])
    run(feed.subscribe(["MSFT"]))
    assert numbers(run(batches_of(feed))) == [1, 2]
    assert BackfillProgress(file).unfinished(["MSFT"]) == []


def test_complete_means_no_further_call(server: MassiveRestServer, tmp_path: Path) -> None:
    run(batches_of(feed_of(server, tmp_path / "state.json", "MSFT")))
    calls = len(server.calls)
    assert run(batches_of(feed_of(server, tmp_path / "state.json", "MSFT"))) == []
    assert len(server.calls) == calls
    assert BackfillProgress(tmp_path / "state.json").unfinished(["AAPL", "MSFT", "AAPL"]) == ["AAPL"]


@pytest.mark.parametrize("after", [1, 2, 3])
def test_stopped_and_started_again_nothing_is_missing_or_repeated(
    server: MassiveRestServer, tmp_path: Path, after: int
) -> None:
    first = run(batches_of(feed_of(server, tmp_path / "a" / "state.json"), close_after=after))
    second = run(batches_of(feed_of(server, tmp_path / "a" / "state.json")))
    assert len(first) == after
    assert numbers(first) + numbers(second) == list(range(12_000))


def test_killed_it_repeats_what_was_not_kept_yet(server: MassiveRestServer, tmp_path: Path) -> None:
    async def two_batches(feed: TradeBackfill) -> list[FeedBatch]:
        stream = feed.__aiter__()
        # Not asked for the third batch, the feed has not learned that the second one was delivered.
        return [await anext(stream), await anext(stream)]

    killed = run(two_batches(feed_of(server, tmp_path / "state.json")))
    rest = run(batches_of(feed_of(server, tmp_path / "state.json")))
    assert numbers(killed) == list(range(7_000))
    assert numbers(rest) == list(range(5_000, 12_000))


def test_a_failure_in_the_middle_is_gone_on_from(server: MassiveRestServer, tmp_path: Path) -> None:
    server.plan.extend([None, error(400, "ERROR", "error", "no")])
    feed, stopped = feed_of(server, tmp_path / "state.json"), list[FeedBatch]()

    async def collect() -> None:
        async for batch in feed:
            stopped.append(batch)

    with pytest.raises(FeedError, match="HTTP 400 no"):
        run(collect())
    assert numbers(stopped) + numbers(run(batches_of(feed_of(server, tmp_path / "state.json")))) == list(range(12_000))


def test_what_is_no_trade_is_kept_with_its_reason(server: MassiveRestServer, tmp_path: Path) -> None:
    server.trades["MSFT"][1:1] = [
        trade(7, START, price=-1),
        trade(8, START, decimal_size="many"),
        trade(9, START, conditions=7),
    ]
    [batch] = run(batches_of(feed_of(server, tmp_path / "state.json", "MSFT")))
    assert numbers([batch]) == [0, 1, 2]
    assert [reject.reason for reject in batch.rejects] == [
        "not a trade of massive: could not convert string to float: 'many'",
        "price not positive: -1",
        "conditions malformed: 7",
    ]


def test_an_unknown_symbol_is_named_and_a_quiet_one_is_complete(
    server: MassiveRestServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.trades["QUIET"] = []
    feed = feed_of(server, tmp_path / "state.json", "MSFT", "QUIET", "XYZQ", "AAPL")
    with pytest.raises(InvalidInputError, match="massive knows no symbol XYZQ on 2018-02-02"):
        run(batches_of(feed))
    assert "massive has no trades of QUIET" in caplog.text
    assert BackfillProgress(tmp_path / "state.json").unfinished(["MSFT", "QUIET", "XYZQ", "AAPL"]) == ["XYZQ", "AAPL"]


def test_a_plan_without_trades_says_so(server: MassiveRestServer, tmp_path: Path) -> None:
    server.plan.append(NOT_IN_PLAN)
    with pytest.raises(AccessError, match="You are not entitled to this data"):
        run(batches_of(feed_of(server, tmp_path / "state.json")))


def test_a_stop_does_not_wait_for_the_vendor(server: MassiveRestServer, tmp_path: Path) -> None:
    server.plan.append(Answer(200, held=True))
    feed = feed_of(server, tmp_path / "state.json")

    async def stop_while_asking() -> list[FeedBatch]:
        taking = asyncio.create_task(batches_of(feed))
        await asyncio.to_thread(until, lambda: server.calls)
        await feed.close()
        return await taking

    assert run(stop_while_asking()) == []


def test_spans_that_cannot_be_had_are_refused() -> None:
    now = datetime.now(UTC)
    with pytest.raises(InvalidInputError, match="expected a later end"):
        Span(OPENING, OPENING)
    with pytest.raises(InvalidInputError, match="has not come yet"):
        Span(OPENING, now + timedelta(minutes=1))


@pytest.mark.parametrize("content", ["", "[]", '{"AAPL":{"where":1}}', '{"AAPL":7}'])
def test_a_file_that_is_not_ours_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    with pytest.raises(InvalidInputError, match="delete it to start from the beginning"):
        BackfillProgress(tmp_path / "state.json")
