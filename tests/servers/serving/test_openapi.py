"""Schemathesis makes requests of every kind from the OpenAPI document of the running API, and holds answers to it.

`MDSTREAM_TEST_EXAMPLES=600 pytest -s tests/servers/serving/test_openapi.py` makes thousands by hand, and says how many.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mdstream.config import RedisSettings, TimescaleSettings
from mdstream.schemas import ANOMALY, BAR, PREDICTION
from mdstream.serving.access import entry_for
from mdstream.stores import RedisSink
from tests.servers.serving.rows import (
    INDICATORS,
    anomaly,
    bar,
    indicators,
    prediction,
    remember,
    remember_latest,
    store,
    store_bars,
    store_ticks,
    tick,
)
from tests.servers.serving.test_process import environment, running

KEY = "mds_open-sesame"
EXAMPLES = int(os.environ.get("MDSTREAM_TEST_EXAMPLES", "15"))
SECONDS = 120 + 5 * EXAMPLES
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "ignored_auth",
)
# A query that is wrong and longer than a URL may be is refused for its length.
CONFIGURATION = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 414, 415, 422, 428, 429]
"""


def fill(database: TimescaleSettings, redis: RedisSettings) -> None:
    """Rows of the symbol that the document has as its example, now and long ago."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    minutes = [now - timedelta(minutes=number) for number in range(150)] + [datetime(2013, 10, 7, 14, tzinfo=UTC)]
    for record, make in ((INDICATORS, indicators), (ANOMALY, anomaly), (PREDICTION, prediction)):
        store(database, record, *map(make, minutes))
    store_bars(database, *map(bar, minutes))
    ticks = [tick(number, minute, conditions=["@"] * (number % 3)) for number, minute in enumerate(minutes)]
    store_ticks(database, *ticks)
    remember_latest(redis, *ticks)
    remember(RedisSink(redis, BAR), BAR, bar(now))
    remember(RedisSink(redis, INDICATORS), INDICATORS, indicators(now, rsi_14=71.5))
    remember(RedisSink(redis, PREDICTION), PREDICTION, prediction(now))


@pytest.mark.slow
def test_no_answer_breaks_the_description(
    database: TimescaleSettings, fresh_redis: RedisSettings, tmp_path: Path
) -> None:
    fill(database, fresh_redis)
    variables = environment(database, fresh_redis)
    variables |= {
        "MDSTREAM_SERVING__API_KEYS": f'["{entry_for("desk", KEY)}"]',
        "MDSTREAM_SERVING__REST__REQUESTS_PER_SECOND": "1000000",
        "MDSTREAM_SERVING__REST__BURST": "1000000",
        "MDSTREAM_TECHNICAL_INDICATORS": '{"sma": {"periods": [20]}, "rsi": {"period": 14}}',
    }
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    with running(variables, tmp_path) as api:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{api.port}/openapi.json"]
        options = [
            f"--header=Authorization: Bearer {KEY}",
            f"--checks={','.join(CHECKS)}",
            f"--max-examples={EXAMPLES}",
            "--seed=7",
        ]
        done = subprocess.run(
            [*command, *options, "--no-color"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        stopped = api.stop()

    print(done.stdout[-2_000:])  # noqa: T201 - figures for who attacks by hand
    assert done.returncode == 0, done.stdout
    assert stopped == (0, "")
