"""Which symbols come live: those of the charts that are open, asked for in few messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mdstream.serving.dashboard.charts import Charts
from mdstream.serving.dashboard.live import Live, Subscription

_CHANNELS = ["bar", "indicator"]

Place = tuple[str, str]
"""Symbol and window of a chart."""


class Following:
    """Keeps the subscriptions of a live connection in step with the charts.

    Pages open charts as quickly as they like; the server takes a few messages a second. So nothing is sent when a
    chart is opened: each round sends two messages at most, for all charts of one window.

    Args:
        charts: The charts.
        always: What is wanted whatever charts are open.
    """

    def __init__(self, charts: Charts, always: Sequence[Subscription]) -> None:
        self._charts = charts
        self._always = always
        self._followed: dict[Place, None] = {}

    def all(self) -> Iterable[Subscription]:
        """Return what a new connection is to bring: everything."""
        self._followed = dict.fromkeys(self._places())
        return [*self._always, *_by_window(self._followed)]

    async def keep_up(self, live: Live) -> None:
        """Ask for charts of one window that were opened, and give up those of it that were closed."""
        wanted = dict.fromkeys(self._places())
        changed = [place for place in (*self._followed, *wanted) if (place in wanted) != (place in self._followed)]
        if not changed:
            return
        _, window = changed[0]
        opened = [place for place in changed if place[1] == window and place in wanted]
        closed = [place for place in changed if place[1] == window and place not in wanted]
        for place in closed:
            del self._followed[place]
        self._followed.update(dict.fromkeys(opened))
        # First the closed ones, as the server counts symbols.
        for subscription in _by_window(closed):
            await live.unsubscribe(subscription)
        for subscription in _by_window(opened):
            await live.subscribe(subscription)

    def _places(self) -> Iterator[Place]:
        return ((chart.symbol, chart.window) for chart in self._charts)


def _by_window(places: Iterable[Place]) -> Iterator[Subscription]:
    symbols: dict[str, list[str]] = {}
    for symbol, window in places:
        symbols.setdefault(window, []).append(symbol)
    for window, named in symbols.items():
        yield {"symbols": named, "channels": _CHANNELS, "windows": [window]}
