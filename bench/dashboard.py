"""From the moment a bar is sent to Kafka to its pixels in Chromium, and what the page costs.

    python -m bench.dashboard --seconds 30 --rate 4

Kafka, the WebSocket server and the dashboard are processes as in production, without a database behind them: what is
measured is what comes live. The page shows one symbol with 300 bars and its indicators; each update is a revision of
the newest bar with indicators of its own. A bar is on the screen a frame after its price is written above the chart.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
from playwright.sync_api import CDPSession, Page, sync_playwright

from mdstream.config import KafkaSettings, Settings
from mdstream.embedded import LocalKafka
from mdstream.embedded.server import free_port
from mdstream.kafka.topics import create_topics, plan_topics
from mdstream.schemas import BAR, Record
from mdstream.stores import KafkaSink

SYMBOL = "BENCH"
BARS = 300
_MINUTE = timedelta(minutes=1)
_START_SECONDS = 60
_WARM_UP_UPDATES = 10
SWITCHES = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
# The price is written before the frame in which the chart paints the bar, which is over when the next begins.
_WATCH = """() => {
  window.seen = {};
  const note = () => {
    const price = /C ([0-9.,]+)/.exec(document.getElementById("quote").textContent)?.[1];
    if (!price || price in seen) return;
    seen[price] = null;
    requestAnimationFrame(() => requestAnimationFrame(() => { seen[price] = Date.now(); }));
  };
  const everything = { childList: true, subtree: true, characterData: true };
  new MutationObserver(note).observe(document.getElementById("quote"), everything);
}"""


def bar(start: datetime, close: float, count: int) -> dict[str, Any]:
    now = datetime.now(UTC)
    place = {"symbol": SYMBOL, "window": "1min", "window_start": start, "window_end": start + _MINUTE}
    prices = {
        "open": close - 0.2,
        "high": close + 0.5,
        "low": close - 0.5,
        "close": close,
        "vwap": close,
        "volume": 100.0,
    }
    return {**place, **prices, "trade_count": count, "last_event_time": now, "last_ingest_time": now}


def indicators_of(record: Record, start: datetime, close: float, count: int) -> dict[str, Any]:
    place = {"symbol": SYMBOL, "window": "1min", "window_start": start, "trade_count": count}
    numbers = [field.name for field in record.schema if pa.types.is_floating(field.type)]
    return {**dict.fromkeys(record.schema.names), **dict.fromkeys(numbers, close), **place}


class Market:
    """Sends bars with their indicators."""

    def __init__(self, kafka: KafkaSettings, settings: Settings) -> None:
        self._bars = KafkaSink(kafka, BAR)
        self._record = settings.indicator_record
        self._indicators = KafkaSink(kafka, self._record)
        self.newest = datetime.now(UTC).replace(second=0, microsecond=0)
        self._count = 1

    def past(self) -> None:
        """Send the bars before the newest."""
        for place in range(BARS, 0, -1):
            self._send(self.newest - place * _MINUTE, 100.0 + place % 7, 1)

    def tick(self, close: float) -> float:
        """Send the newest bar's next revision; return when, in epoch milliseconds."""
        self._count += 1
        sent = time.time() * 1_000
        self._send(self.newest, close, self._count)
        return sent

    def _send(self, start: datetime, close: float, count: int) -> None:
        rows = [bar(start, close, count)]
        values = [indicators_of(self._record, start, close, count)]
        self._bars.write(pa.RecordBatch.from_pylist(rows, schema=BAR.schema))
        self._indicators.write(pa.RecordBatch.from_pylist(values, schema=self._record.schema))


@contextmanager
def serving(kafka: KafkaSettings) -> Iterator[str]:
    """Run the WebSocket server and the dashboard; yield the address of its page."""
    ports = {"websocket": free_port(), "dashboard": free_port()}
    environment = {
        **os.environ,
        "MDSTREAM_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "MDSTREAM_SERVING__DASHBOARD__WEBSOCKET_URL": f"ws://127.0.0.1:{ports['websocket']}",
        "MDSTREAM_SERVING__DASHBOARD__REST_URL": f"http://127.0.0.1:{free_port()}",
    }
    running = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name, port in ports.items():
                command = [sys.executable, "-m", "mdstream", name, "--port", str(port)]
                running.append(subprocess.Popen(command, env=environment, cwd=folder, stderr=subprocess.DEVNULL))
            for port in ports.values():
                _until_it_lives(port)
            yield f"http://127.0.0.1:{ports['dashboard']}"
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait()


def _until_it_lives(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health/live", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"nothing answers at port {port}")


def busy_seconds(session: CDPSession) -> float:
    """Return how much of a processor the page's main thread has had; it may have waited for one for longer."""
    found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return float(found["TaskDuration"])


def send(page: Page, market: Market, first: float, seconds: float, rate: float) -> dict[str, float]:
    """Send updates, each of another price from `first` on; return when each was sent, by the price as it is shown."""
    sent: dict[str, float] = {}
    begin = time.monotonic()
    for place in range(round(seconds * rate)):
        page.wait_for_timeout(max(0.0, (begin + place / rate - time.monotonic()) * 1_000))
        price = first + place / 100
        sent[f"{price:.2f}"] = market.tick(price)
    page.wait_for_timeout(1_000)
    return sent


def measure(page: Page, market: Market, seconds: float, rate: float) -> tuple[list[float], float]:
    """Return the latency of each update that was seen, in milliseconds, and the page's share of a core.

    One after the other: watching for pixels has frames made that a page without a watcher does not have.
    """
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    send(page, market, 150.0, _WARM_UP_UPDATES / rate, rate)
    begin, worked = time.monotonic(), busy_seconds(session)
    send(page, market, 200.0, seconds, rate)
    share = (busy_seconds(session) - worked) / (time.monotonic() - begin)
    page.evaluate(_WATCH)
    sent = send(page, market, 300.0, seconds, rate)
    seen = page.evaluate("() => seen")
    return [seen[price] - at for price, at in sent.items() if seen.get(price)], share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rate", type=float, default=4, help="updates a second")
    asked = parser.parse_args()
    settings = Settings()
    with LocalKafka() as server, sync_playwright() as playwright:
        kafka = KafkaSettings(bootstrap_servers=server.bootstrap_servers)
        create_topics(kafka, plan_topics(settings.model_copy(update={"kafka": kafka})))
        market = Market(kafka, settings)
        with serving(kafka) as url:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            begin = time.monotonic()
            page.goto(f"{url}/?symbol={SYMBOL}&window=1min")
            page.wait_for_selector("#connection.live, #connection.late")
            opened = time.monotonic() - begin
            page.wait_for_timeout(1_000)
            market.past()
            page.wait_for_function(f"() => mdstream.chart.shown().candles.length >= {BARS}")
            late, share = measure(page, market, asked.seconds, asked.rate)
            browser.close()
    p50, p95, most = np.percentile(late, [50, 95, 100])
    updates = round(asked.seconds * asked.rate)
    print(f"{len(late)} of {updates} updates seen, {asked.rate:g} a second, {BARS} bars")
    print(f"bar to pixel: p50 {p50:.0f} ms, p95 {p95:.0f} ms, most {most:.0f} ms")
    print(f"page: {share:.1%} of a core, opened in {opened:.1f} s")


if __name__ == "__main__":
    main()
