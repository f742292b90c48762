"""Real trades through the processes that a user starts: exact, also when Spark is killed twice on the way.

The bars of both days are held to the vendor's in tests/unit/batch/test_real_bars.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from mdstream.batch import bars_of_file
from mdstream.config import Settings
from mdstream.config.conditions import load_conditions
from mdstream.embedded import LocalServers
from mdstream.stores.timescaledb.database_url import database_url
from tests.real_trades import BARS_FILE, test_data, write_conditions_table, write_ticks
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(900)]

_MDSTREAM = (sys.executable, "-m", "mdstream")
_JOBS = ("run", "live_bars", "store_ticks", "analytics")
_SYMBOLS = ("AIG", "IBM")
_TRADE_COUNT = 49_644
"""Trades of these symbols on the first day, by the data's own count."""
_MINUTE_COUNT = 775
"""Minutes of these symbols on the first day that are compared with the vendor's."""
_DEADLINE_SECONDS = 600
_STOP_SECONDS = 180


@pytest.fixture(scope="module")
def servers() -> Iterator[LocalServers]:
    with LocalServers() as servers:
        yield servers


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    assert write_ticks(folder / "ticks.parquet", symbols=_SYMBOLS, day_one=True) == _TRADE_COUNT
    write_conditions_table(folder / "conditions.csv")
    return folder


@pytest.fixture(scope="module")
def environment(servers: LocalServers, files: Path) -> dict[str, str]:
    return {
        **os.environ,
        **servers.environment(),
        "MDSTREAM_TICKS__CONDITIONS_TABLE": str(files / "conditions.csv"),
        "MDSTREAM_SPARK__CHECKPOINT_LOCATION": str(files / "checkpoints"),
        # Short, so that the kills fall behind checkpoints as well as between them.
        "MDSTREAM_SPARK__REAL_TIME_TRIGGER": "10 seconds",
        "MDSTREAM_SPARK__HEAD_START_SECONDS": "1",
    }


def ask(engine: sa.Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(sa.text(query)).scalar_one() or 0)


@dataclass
class RevisionWatch:
    """Reads all bars again and again and keeps those that went back."""

    engine: sa.Engine
    reads: int = 0
    went_back: list[str] = field(default_factory=list)
    _newest: dict[tuple[str, str, object], int] = field(default_factory=dict)

    @contextmanager
    def watching(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _watch(self, stop: threading.Event) -> None:
        query = sa.text('SELECT symbol, "window", window_start, trade_count FROM aggregated_data')
        while not stop.wait(0.5):
            with self.engine.connect() as connection:
                for symbol, window, start, count in connection.execute(query):
                    key = (symbol, window, start)
                    if count < self._newest.get(key, 0):
                        self.went_back.append(f"{key}: {self._newest[key]} to {count}")
                    self._newest[key] = count
            self.reads += 1


def wait_for_bars(engine: sa.Engine, share: float, jobs: subprocess.Popen[bytes]) -> None:
    """Wait until the bars of every window hold this share of the trades."""
    trades = 'SELECT "window", sum(trade_count) AS trades FROM aggregated_data GROUP BY 1'
    wait_for(engine, f"SELECT min(trades) FROM ({trades}) AS by_window", share * _TRADE_COUNT, jobs)


def wait_for(engine: sa.Engine, query: str, count: float, jobs: subprocess.Popen[bytes]) -> None:
    def is_reached() -> bool:
        assert jobs.poll() is None, f"the jobs ended with {jobs.returncode} too early"
        return ask(engine, query) >= count

    until(is_reached, _DEADLINE_SECONDS)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(_STOP_SECONDS)


def test_every_tick_and_bar_is_exact_after_two_kills(
    servers: LocalServers, files: Path, environment: dict[str, str], request: pytest.FixtureRequest
) -> None:
    def mdstream(*arguments: str) -> None:
        subprocess.run([*_MDSTREAM, *arguments], env=environment, check=True, timeout=600)

    engine = sa.create_engine(database_url(servers.postgres.settings))
    watch = RevisionWatch(engine)
    mdstream("topics", "create")
    mdstream("maintain")
    replay = subprocess.Popen([*_MDSTREAM, "replay", str(files / "ticks.parquet"), "--speed", "max"], env=environment)
    with watch.watching():
        for share in (0.15, 0.5):
            jobs = subprocess.Popen([*_MDSTREAM, *_JOBS], env=environment)
            wait_for_bars(engine, share, jobs)
            kill(jobs)
        assert replay.wait(_STOP_SECONDS) == 0
        jobs = subprocess.Popen([*_MDSTREAM, *_JOBS], env=environment)
        wait_for(engine, "SELECT count(*) FROM tick_data", _TRADE_COUNT, jobs)
        wait_for_bars(engine, 1, jobs)
        jobs.send_signal(signal.SIGTERM)
        assert jobs.wait(_STOP_SECONDS) == 0

    assert ask(engine, "SELECT count(*) FROM tick_data") == _TRADE_COUNT
    assert watch.reads > 10
    assert watch.went_back == []

    streamed = pd.read_sql('SELECT * FROM aggregated_data ORDER BY symbol, "window", window_start', engine)
    # In the tests' own Spark, which other tests have started or will use; the command has tests of its own.
    bars_of_file(
        request.getfixturevalue("spark"),
        files / "ticks.parquet",
        files / "bars.parquet",
        Settings().windows,
        load_conditions(files / "conditions.csv"),
    )
    batch = pq.read_table(files / "bars.parquet").to_pandas()
    assert set(batch["window"]) == {"1min", "5min", "15min"}
    # The file has no ingest times; the stream's are those of the replay.
    compared = [name for name in batch.columns if name != "last_ingest_time"]
    pd.testing.assert_frame_equal(
        streamed[compared].reset_index(drop=True), batch[compared], check_exact=True, check_dtype=False
    )
    _compare_with_vendor(streamed)


def _compare_with_vendor(bars: pd.DataFrame) -> None:
    """Hold the bars to the vendor's, in the minutes of the data's own description.

    By it, of both days 3 minutes differ in volume and 10 in prices.
    """
    vendor = pd.read_parquet(test_data(BARS_FILE))
    vendor["window_start"] = pd.to_datetime(vendor["start_ms"], unit="ms", utc=True)
    minutes = bars[bars["window"] == "1min"].copy()
    minutes["window_start"] = minutes["window_start"].astype(vendor["window_start"].dtype)
    vendor = vendor[vendor["symbol"].isin(_SYMBOLS) & (vendor["window_start"] <= minutes["window_start"].max())]
    both = vendor.merge(minutes, on=["symbol", "window_start"], how="left", suffixes=("_vendor", ""))
    clock = both["window_start"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    both = both[(clock >= "09:31") & (clock <= "15:58")]
    assert len(both) == _MINUTE_COUNT
    equal = {name: both[name] == both[f"{name}_vendor"] for name in ("open", "high", "low", "close", "volume")}
    assert equal["volume"].sum() >= _MINUTE_COUNT - 3
    assert (equal["open"] & equal["high"] & equal["low"] & equal["close"]).sum() >= _MINUTE_COUNT - 10
