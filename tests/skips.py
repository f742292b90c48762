"""A pytest plugin: in CI, where all that tests need is there, a test that skips for another reason fails the run."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

EXPECTED_SKIPS = (
    "all tests skipped by +SKIP option",
    "real market data:",
    "TimescaleDB:",
    "Delta Lake:",
    "InfluxDB: this machine has no influxd, nor what builds it",
    "Spark's org.apache.spark:spark-protobuf",
    "Docker Compose: neither the plugin nor what ci/compose/build.sh builds is here",
)
"""How the reasons of expected skips begin."""

UNEXPECTED_SKIPS = 6
"""The exit code of a run with others: none of pytest's own, so that it is not tried again as failed tests are."""


def _unexpected(config: pytest.Config) -> Iterator[str]:
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if os.environ.get("CI") != "true" or reporter is None:
        return
    for report in reporter.stats.get("skipped", []):
        path, line, reason = report.longrepr
        reason = reason.removeprefix("Skipped: ")
        if not reason.startswith(EXPECTED_SKIPS):
            yield f"{path}:{line}: {reason}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that came to its end."""
    ended = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if ended and any(_unexpected(session.config)):
        session.exitstatus = UNEXPECTED_SKIPS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which skips were not expected."""
    unexpected = list(_unexpected(config))
    if unexpected:
        terminalreporter.section("unexpected skips fail a run in CI (expected: tests/skips.py)", red=True)
        terminalreporter.write("\n".join([*unexpected, ""]))
