"""`mdstream maintain`, as an operator runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mdstream.config import TimescaleSettings
from mdstream.schemas import STORED_TICK
from mdstream.stores import TimescaleSink
from tests.servers.stores.timescaledb.test_timescale_sink import ask
from tests.unit.stores.rows import tick, ticks

pytestmark = pytest.mark.servers


def run(database: TimescaleSettings, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    prefix = "MDSTREAM_STORES__TIMESCALEDB__"
    variables = {
        f"{prefix}PORT": str(database.port),
        f"{prefix}DATABASE": database.database,
        f"{prefix}PASSWORD": database.password.get_secret_value(),
        "COLUMNS": "200",
    }
    return subprocess.run(
        [sys.executable, "-c", "from mdstream.cli import main; main()", "maintain", *arguments],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_day_in_the_life_of_the_tables(fresh_database: TimescaleSettings, tmp_path: Path) -> None:
    promise = run(fresh_database, tmp_path, "--dry-run")
    assert promise.returncode == 0
    assert "would be done" in promise.stdout
    assert ask(fresh_database, "SELECT to_regclass('tick_data')") == [(None,)]

    done = run(fresh_database, tmp_path)
    assert done.returncode == 0
    assert "create partitions" in done.stdout
    assert ask(fresh_database, "SELECT to_regclass('tick_data')::text") == [("tick_data",)]

    again = run(fresh_database, tmp_path)
    assert (again.returncode, again.stdout) == (0, "")
    assert "nothing to do" in again.stderr


def test_rows_that_retention_takes_are_announced(fresh_database: TimescaleSettings, tmp_path: Path) -> None:
    run(fresh_database, tmp_path)
    now = datetime.now(UTC)
    rows = [tick(event_time=datetime(2013, 10, 7, tzinfo=UTC)), tick(event_time=now - timedelta(days=2), offset=1)]
    TimescaleSink(fresh_database, STORED_TICK).write(ticks(*rows))
    promise = run(fresh_database, tmp_path, "--dry-run").stdout
    assert "1 rows of 2013-10-07 in the default partition" in promise
    assert "stores.timescaledb.retention_days = 365" in promise
    assert "move 1 rows of" in promise
    assert ask(fresh_database, "SELECT count(*) FROM tick_data") == [(2,)]
    run(fresh_database, tmp_path)
    assert ask(fresh_database, "SELECT kafka_offset FROM tick_data") == [(1,)]


def test_an_unreachable_database_is_one_message(fresh_database: TimescaleSettings, tmp_path: Path) -> None:
    result = run(fresh_database.model_copy(update={"port": 1}), tmp_path)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: PostgreSQL at 127.0.0.1:1, database")
    assert "Traceback" not in result.stderr
