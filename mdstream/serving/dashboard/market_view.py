"""All that the dashboard knows, kept up to date from the REST API and the WebSocket server."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any

from mdstream.config import Settings
from mdstream.schemas import ANOMALY, BAR, PREDICTION
from mdstream.schemas.checking import MalformedRecordError, RecordCheck
from mdstream.serving.dashboard.anomalies import AnomalyFeed
from mdstream.serving.dashboard.charts import Chart, Charts
from mdstream.serving.dashboard.following import Following
from mdstream.serving.dashboard.history import History, HistoryError
from mdstream.serving.dashboard.live import Live, Subscription
from mdstream.serving.dashboard.news import News
from mdstream.serving.dashboard.openings import Openings
from mdstream.serving.dashboard.pace import Pace
from mdstream.serving.dashboard.problems import NO_KAFKA, explain_failure, explain_server
from mdstream.serving.dashboard.quotes import Quotes
from mdstream.serving.dashboard.series import ChartSeries, Wire
from mdstream.serving.dashboard.studies import study_of
from mdstream.serving.keeping import Keeper
from mdstream.serving.metrics import REFUSED
from mdstream.telemetry.refused_records import RefusedRecords

logger = logging.getLogger(__name__)
_HEALTH_SECONDS = 1.0
_SYMBOLS_SECONDS = 5.0
_CHARTS_SECONDS = 0.1
_CHARTS_A_ROUND = 8
_FOLLOWING_SECONDS = 0.2
_AFTER_FAILURE_SECONDS = 1.0
_MOST_SYMBOLS = 500
_OLDER_BARS = 500
_OLDER_AT_ONCE = 2
_FIGURES_SECONDS = 0.25
_EVERY = ["*"]


class MarketView:
    """What pages ask: series, quotes, anomalies and the state of the servers.

    Args:
        settings: Where the servers are, and what is configured.
    """

    def __init__(self, settings: Settings) -> None:
        serving, own = settings.serving, settings.serving.dashboard
        key = own.api_key.get_secret_value()
        host = _reachable(serving.host)
        self._history = History(own.rest_url or f"http://{host}:{serving.rest_port}", key, settings.indicator_record)
        self._live = Live(
            own.websocket_url or f"ws://{host}:{serving.websocket_port}", key, self._receive, self._everything
        )
        self._configured = frozenset(settings.symbols)
        records = {"bar": BAR, "indicator": settings.indicator_record, "anomaly": ANOMALY, "prediction": PREDICTION}
        self._checks = {channel: RecordCheck(record) for channel, record in records.items()}
        self._refused = RefusedRecords(logger)
        self._keeper = Keeper()
        self._windows = sorted(settings.windows, key=lambda window: window.seconds)
        self._columns = [line.column for indicator in settings.indicators for line in study_of(indicator).lines]
        self._charts = Charts(own.history_bars, self._columns)
        # Pages that go back are not to keep others from their charts.
        self._older_turn = asyncio.Semaphore(_OLDER_AT_ONCE)
        self._following = Following(self._charts, _always([window.name for window in self._windows]))
        self._quotes = Quotes(Openings(own.calendars))
        self._feed = AnomalyFeed()
        self._pace = Pace()
        self._figures: dict[str, Any] = {}
        self._figures_at = float("-inf")
        self._epoch = secrets.token_hex(4)
        self._news = News()
        self._problems: dict[str, str] = {}
        self._connections_loaded = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to read; nothing has to be there yet."""
        work: dict[str, Callable[[], Awaitable[None]]] = {
            "what comes live": self._live.run,
            "health": partial(_again_and_again, self._look_at_health, _HEALTH_SECONDS),
            "symbols": partial(_again_and_again, self._look_for_symbols, _SYMBOLS_SECONDS),
            "charts": partial(_again_and_again, self._load_charts, _CHARTS_SECONDS),
            "subscriptions": partial(_again_and_again, self._keep_up, _FOLLOWING_SECONDS),
        }
        self._tasks = [asyncio.create_task(self._keeper.keep(name, each)) for name, each in work.items()]

    async def stop(self) -> None:
        """End reading and close the connections."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self._history.close()

    async def answer(self, symbol: str, window: str, since: int, epoch: str, wait: float = 0.0) -> dict[str, Any]:
        """Return what changed since a page asked last, as soon as anything did.

        Args:
            symbol: Whose chart the page shows; empty without one.
            window: Of which window.
            since: The `version` of the page's last answer, 0 without one.
            epoch: The `epoch` of that answer: versions of another process mean nothing.
            wait: For how many seconds nothing is answered while nothing has changed.
        """
        if epoch != self._epoch:
            since = 0
        chart = None
        if symbol:
            chart = self._charts.open(symbol, window, time.monotonic(), is_known=self._knows(symbol))
        await self._news.after(since, wait)
        return {
            "epoch": self._epoch,
            "version": self._news.version,
            "status": self._status(),
            "quotes": list(self._quotes.since(since)),
            "feed": list(self._feed.since(since)),
            "chart": chart.since(since) if chart else None,
        }

    async def older(self, symbol: str, window: str, before: int) -> dict[str, Any]:
        """Return bars before an instant with their indicators and anomalies, and whether there are more before them.

        Args:
            symbol: Of which symbol.
            window: Of which window.
            before: In epoch milliseconds.

        Raises:
            HistoryError: The REST API does not answer, or refuses.
        """
        end = before * 1_000
        async with self._older_turn:
            bars, indicators, anomalies = await asyncio.gather(
                self._history.bars(symbol, window, _OLDER_BARS, end),
                self._history.indicators(symbol, window, _OLDER_BARS, end),
                self._history.anomalies(_OLDER_BARS, symbol=symbol, window=window, end=end),
            )
        chart = Chart(symbol, window, ChartSeries(_OLDER_BARS, self._columns), is_known=True)
        chart.loaded(bars, indicators, anomalies, (), version=1, now=0.0)
        past = chart.since(0)
        return {"bars": past["bars"], "anomalies": past["anomalies"], "more": len(bars) == _OLDER_BARS}

    def _knows(self, symbol: str) -> bool:
        return symbol in self._quotes or symbol in self._configured

    def _status(self) -> dict[str, Any]:
        problems = dict(self._problems)
        if self._live.problem:
            problems["websocket"] = self._live.problem
        elif self._live.is_without_kafka:
            problems["kafka"] = NO_KAFKA
        if self._keeper.problem:
            problems["dashboard"] = explain_failure(self._keeper.problem)
        return {
            "live": self._live.problem is None and self._keeper.problem is None,
            "problems": [{"name": name, "text": text} for name, text in problems.items()],
            **self._paced(),
        }

    def _paced(self) -> dict[str, Any]:
        """Return figures that many pages ask for many times a second, and nobody reads as often."""
        now = time.monotonic()
        if now - self._figures_at >= _FIGURES_SECONDS:
            self._figures, self._figures_at = self._pace.figures(now), now
        return self._figures

    def _everything(self) -> Iterable[Subscription]:
        return self._following.all()

    async def _keep_up(self) -> None:
        await self._following.keep_up(self._live)

    def _receive(self, channel: str, data: object, was_there: bool) -> None:
        """Take what came live if it is the record that it should be; else count it, and go on."""
        check = self._checks.get(channel)
        if check is None:
            return
        try:
            record = check.check(data)
        except MalformedRecordError as exc:
            REFUSED.labels("dashboard", "record").inc()
            self._refused.note(str(exc), self._live.url, f"channel {channel}")
        else:
            self._take(channel, record, was_there)

    def _take(self, channel: str, record: Wire, was_there: bool) -> None:
        """Take a record that came live."""
        version = self._news.next()
        if channel == "prediction":
            for open_chart in self._charts:
                if open_chart.symbol == record["symbol"]:
                    open_chart.forecasts.take(record, version)
            return
        chart = self._charts.get(record["symbol"], record["window"])
        if channel == "bar":
            if chart:
                chart.series.take_bar(record, version)
            if record["window"] == self._windows[0].name:
                self._quotes.take_bar(record, version)
                self._count(record, was_there)
        elif channel == "indicator" and chart:
            chart.series.take_indicators(record, version)
        elif channel == "anomaly":
            self._feed.take(record, version)
            if chart:
                chart.series.take_anomaly(record, version)

    def _count(self, bar: Wire, was_there: bool) -> None:
        if was_there:
            self._pace.base(bar)
        else:
            self._pace.saw(bar, time.monotonic(), time.time_ns() // 1_000)

    async def _look_at_health(self) -> None:
        try:
            states = await self._history.problems()
        except HistoryError as exc:
            self._problems = {"rest": explain_server("rest", str(exc), exc.status)}
            return
        was_away = bool(self._problems)
        self._problems = {name: explain_server(name, state) for name, state in states.items()}
        if was_away and not self._problems:
            self._charts.reload()

    async def _look_for_symbols(self) -> None:
        """Find prices of symbols that no live bar has come of, and what their session began with."""
        shortest = self._windows[0].name
        if not self._feed.is_loaded:
            for anomaly in await self._history.anomalies(AnomalyFeed.CAPACITY):
                self._feed.take(anomaly, self._news.next())
            self._feed.is_loaded = True
        for symbol in (await self._history.symbols())[:_MOST_SYMBOLS]:
            if symbol not in self._quotes:
                for bar in await self._history.bars(symbol, shortest, 1):
                    self._quotes.take_bar(bar, self._news.next())
        for missing in self._quotes.missing():
            bars = await self._history.bars_between(missing.symbol, self._windows, missing.opening, missing.known_from)
            opened, volume = bars[0]["open"] if bars else None, sum(bar["volume"] for bar in bars)
            self._quotes.take_missing(missing, opened, volume, self._news.next())

    async def _load_charts(self) -> None:
        """Load charts that were opened, and look again at the end of the others: a frame may have been missed."""
        if self._live.connections != self._connections_loaded:
            self._connections_loaded = self._live.connections
            self._charts.reload()
            self._quotes.reload()
        self._charts.close_unseen(time.monotonic())
        # Few at a time: one that is opened meanwhile is not to wait for all others.
        for chart, limit in islice(
            self._charts.due(time.monotonic(), live=self._live.problem is None), _CHARTS_A_ROUND
        ):
            await self._load(chart, limit)

    async def _load(self, chart: Chart, limit: int) -> None:
        bars, indicators, anomalies, forecasts = await asyncio.gather(
            self._history.bars(chart.symbol, chart.window, limit),
            self._history.indicators(chart.symbol, chart.window, limit),
            self._history.anomalies(limit, symbol=chart.symbol, window=chart.window),
            self._history.forecasts(chart.symbol),
        )
        chart.loaded(bars, indicators, anomalies, forecasts, self._news.next(), time.monotonic())


def _always(windows: list[str]) -> list[Subscription]:
    """Return what is wanted live whatever charts are open, of windows by their length."""
    return [
        {"symbols": _EVERY, "channels": ["bar"], "windows": windows[:1]},
        {"symbols": _EVERY, "channels": ["anomaly"], "windows": windows},
        {"symbols": _EVERY, "channels": ["prediction"]},
    ]


def _reachable(host: str) -> str:
    """Return an address to reach a server of this machine by that listens on `host`."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 found, not listened on
    bare = everywhere.get(host, host)
    return f"[{bare}]" if ":" in bare and not bare.startswith("[") else bare


async def _again_and_again(work: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Do something with pauses; while the API cannot answer, `_look_at_health` says so."""
    while True:
        try:
            await work()
        except HistoryError as exc:
            logger.info("%s", exc)
            await asyncio.sleep(_AFTER_FAILURE_SECONDS)
        await asyncio.sleep(seconds)
