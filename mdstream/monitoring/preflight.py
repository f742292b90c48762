"""What jobs need, looked at before Spark starts, which takes a minute on a busy machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable

from mdstream.config import Settings
from mdstream.config.jobs import ANALYTICS_JOB, LAKE_JOB, LIVE_JOB, QUOTES_JOB, STORE_JOB, STORING_JOBS
from mdstream.errors import ConfigError
from mdstream.indicators import indicator_record
from mdstream.monitoring.doctor import Check, check_kafka, check_lake, checks_of_stores, findings_of
from mdstream.monitoring.findings import Finding
from mdstream.schemas import ANOMALY, BAR, DEAD_LETTER, PREDICTION, QUOTE, TICK
from mdstream.streaming.leftovers import written_folders

_ANALYSED = (BAR, indicator_record(()), ANOMALY)
_TOPICS = {
    LIVE_JOB: (TICK, *_ANALYSED),
    STORE_JOB: (TICK, DEAD_LETTER),
    QUOTES_JOB: (QUOTE, DEAD_LETTER),
    ANALYTICS_JOB: (*_ANALYSED, DEAD_LETTER),
    LAKE_JOB: (TICK, BAR),
}


def check_jobs(settings: Settings, jobs: Iterable[str]) -> list[Finding]:
    """Look at what these jobs need of servers and folders, all at the same time.

    Args:
        settings: The configuration.
        jobs: Names of jobs; of one that is not of mdstream nothing is known.
    """
    wanted = set(jobs)
    checks: list[Check] = [lambda: _check_folders(settings)]
    if topics := _topics_of(settings, wanted):
        checks.append(lambda: check_kafka(settings, topics))
    if wanted & STORING_JOBS:
        checks += checks_of_stores(settings)
    if LAKE_JOB in wanted:
        checks.append(lambda: check_lake(settings.stores.lake))
    return findings_of(checks)


def require(findings: Iterable[Finding]) -> None:
    """See that everything is as it must be.

    Raises:
        ConfigError: It is not; the message has a line for each thing, and what to do.
    """
    lines = []
    for finding in findings:
        if not finding.ok:
            state = "is incomplete" if finding.reachable else "is not reachable"
            lines.append(f"  {finding.component} at {finding.where} {state}: {'; '.join(finding.missing)}")
            lines += [f"    fix: {fix}" for fix in finding.fixes]
    if lines:
        raise ConfigError("\n".join(["the jobs cannot start, `mdstream doctor` says more:", *lines]))


def _topics_of(settings: Settings, jobs: set[str]) -> list[str]:
    records = [record for job in sorted(jobs) for record in _TOPICS.get(job, ())]
    if settings.stores.kafka.enabled and ANALYTICS_JOB in jobs:
        records.append(PREDICTION)
    return list(dict.fromkeys((settings.tick_record if record is TICK else record).topic_name for record in records))


def _check_folders(settings: Settings) -> Finding:
    """Find out whether checkpoints and what Spark spills can be written on this machine."""
    folders = written_folders(settings.spark)
    missing = []
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"\0" * 4096)
        except OSError as exc:
            missing.append(f"{folder} cannot be written: {exc.strerror}")
    return Finding(
        "Folders",
        ", ".join(map(str, folders)),
        reachable=True,
        missing=tuple(missing),
        fixes=("free space or set rights there, or set spark.checkpoint_location",) if missing else (),
    )
