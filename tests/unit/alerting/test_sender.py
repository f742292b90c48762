"""The queue in front of Slack: retries, waits, losses and the stop."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from pydantic import SecretStr

from mdstream.alerting import AlertCounts
from mdstream.alerting.cooldown import Cooldown, Verdict
from mdstream.alerting.counts import Withheld
from mdstream.alerting.dispatcher import Dispatcher
from mdstream.alerting.sender import Sender
from mdstream.alerting.slack import SlackChannel
from mdstream.config import AlertSettings, RedisSettings
from mdstream.schemas import ANOMALY
from tests.http_server import Answer
from tests.slack_server import OK, SlackServer
from tests.unit.alerting.alerts import alert, minute, wire
from tests.waiting import until
from tests.wrong_records import NO_RECORDS, wrong

FAST = AlertSettings(first_retry_seconds=0.01, longest_retry_seconds=0.05, queue_size=3)


@dataclass
class Office:
    """All of the alerts process but Kafka and Redis."""

    slack: SlackServer
    settings: AlertSettings
    counts: AlertCounts = field(default_factory=AlertCounts)
    settled: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        withheld = Withheld()
        self.cooldown = Cooldown(300, RedisSettings(enabled=False), self.counts)
        channel = SlackChannel(SecretStr(self.slack.url), 1)
        self.sender = Sender(channel, self.cooldown, self.settings, self.counts, withheld)
        self.dispatcher = Dispatcher(self.settings, self.cooldown, self.sender, self.counts, withheld)
        self.thread: Future[None] = self.sender.start()

    def take(self, number: int, **changes: object) -> None:
        self.dispatcher.take(wire(alert(**changes)), lambda: self.settled.append(number))

    def stop(self, seconds: float = 10) -> None:
        self.sender.stop(seconds)
        self.thread.result(30)


@pytest.fixture
def office(slack: SlackServer) -> Iterator[Office]:
    office = Office(slack, FAST)
    yield office
    slack.release.set()
    office.stop(0)


@pytest.mark.parametrize("failure", [Answer(500), Answer(429, headers={"Retry-After": "0"}), Answer(200, held=True)])
def test_a_failure_is_followed_by_another_attempt(office: Office, slack: SlackServer, failure: Answer) -> None:
    slack.answer(failure, failure, OK)
    office.take(1)
    until(lambda: office.settled == [1])

    assert len(slack.accepted) == 1
    assert len(slack.posts) == 3
    assert (office.counts.sent, office.counts.failed_attempts, office.counts.lost) == (1, 2, 0)


def test_retry_after_is_waited_for(office: Office, slack: SlackServer) -> None:
    slack.answer(Answer(429, headers={"Retry-After": "86400"}), OK)
    office.take(1)
    until(lambda: office.counts.failed_attempts == 1)
    office.take(2, symbol="MSFT")
    office.stop()

    # Nothing was tried before the time Slack asked for, neither this alert nor the next, and the stop did not wait.
    assert len(slack.posts) == 1
    assert office.settled == []
    assert office.cooldown.claim(alert()) is Verdict.CLAIMED


def test_a_refused_alert_is_lost_and_the_next_one_says_so(
    office: Office, slack: SlackServer, caplog: pytest.LogCaptureFixture
) -> None:
    slack.answer(Answer(404, "no_service"), OK)
    office.take(1)
    until(lambda: office.settled == [1])
    office.take(2, symbol="MSFT")
    until(lambda: office.settled == [1, 2])

    assert len(slack.posts) == 2
    assert [text.splitlines()[0].split()[1] for text in slack.accepted] == ["MSFT"]
    assert slack.accepted[0].endswith("\n_1 more alert lost_")
    (error,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert "AAPL price_spike" in error
    assert "404 no_service" in error


def test_what_slack_does_not_take_in_time_is_lost(slack: SlackServer) -> None:
    office = Office(slack, FAST.model_copy(update={"max_age_seconds": 1}))
    slack.answer(Answer(500))
    office.take(1)
    until(lambda: office.settled == [1])
    office.stop()

    assert (office.counts.lost, office.counts.sent) == (1, 0)
    assert office.counts.failed_attempts > 1
    # It was not sent: the next revision may be.
    assert office.cooldown.claim(alert()) is Verdict.CLAIMED


def test_a_dead_webhook_stalls_nothing(office: Office, slack: SlackServer, caplog: pytest.LogCaptureFixture) -> None:
    slack.answer(Answer(200, held=True))
    office.take(0, symbol="S0")
    until(lambda: len(slack.posts) == 1)
    for number in range(1, 103):
        office.take(number, symbol=f"S{number}")

    # One is on its way, three wait, and the other 99 were dropped at once.
    assert (office.counts.waiting, office.counts.dropped) == (3, 99)
    assert office.settled == list(range(4, 103))
    assert sum("and more are dropped" in message for message in caplog.messages) == 1
    slack.answer(OK)
    slack.release.set()
    until(lambda: office.counts.sent == 4)
    assert "99 more alerts dropped" in slack.accepted[0]
    assert [text for text in slack.accepted[1:] if "dropped" in text] == []
    # What was dropped is not in cooldown.
    office.take(200, symbol="S50")
    until(lambda: office.counts.sent == 5)


def test_wrong_records_are_counted_and_settled(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    values = [*NO_RECORDS, *(json.dumps(fields).encode() for _, fields in wrong(ANOMALY))]
    for number, value in enumerate(values):
        office.dispatcher.take(value, partial(office.settled.append, number), f"partition 0 offset {number}")
    office.take(len(values))
    until(lambda: office.counts.sent == 1)

    assert office.counts == AlertCounts(read=len(values) + 1, malformed=len(values), sent=1)
    assert office.settled == list(range(len(values) + 1))
    [said] = [entry.getMessage() for entry in caplog.records if "left out" in entry.getMessage()]
    assert "anomalies, partition 0 offset 0" in said


def test_only_severe_and_recent_ones_of_quiet_symbols_and_rules(office: Office, slack: SlackServer) -> None:
    old = datetime.now(UTC) - timedelta(seconds=901)
    office.take(1, severity="low")
    office.take(2, severity="medium")
    office.take(3, severity="unheard of")
    office.take(4, detected_time=old)
    assert office.settled == [1, 2, 3, 4]
    office.take(5, severity="high")
    until(lambda: office.counts.sent == 1)
    office.take(6, message="further up")  # a later revision of the same bar
    office.take(7, window_start=minute(1))
    office.take(8, window_start=minute(1), severity="critical")
    office.take(9, window="5min")
    office.take(10, symbol="MSFT", severity="critical")
    until(lambda: office.counts.sent == 2)
    office.dispatcher.take(b"no anomaly", lambda: office.settled.append(11))
    office.stop()

    assert sorted(office.settled) == list(range(1, 12))
    assert office.counts == AlertCounts(read=11, malformed=2, not_severe=2, outdated=1, repeats=1, held_back=2, sent=2)
    assert [text.split()[1] for text in slack.accepted] == ["AAPL", "MSFT"]
    assert slack.accepted[1].endswith("\n_2 more alerts held back_")


def test_a_stop_sends_what_waits(slack: SlackServer) -> None:
    office = Office(slack, FAST)
    for number in range(3):
        office.take(number, symbol=f"S{number}")
    office.stop()

    assert len(slack.accepted) == 3
    assert office.settled == [0, 1, 2]


def test_a_stop_does_not_wait_for_a_channel_that_is_away(slack: SlackServer) -> None:
    office = Office(slack, FAST.model_copy(update={"first_retry_seconds": 60, "longest_retry_seconds": 60}))
    slack.answer(Answer(500))
    office.take(1)
    until(lambda: office.counts.failed_attempts == 1)
    office.take(2, symbol="MSFT")
    office.stop()

    assert office.settled == []
    assert len(slack.posts) == 1
    assert office.counts.lost == 0


def test_a_fault_in_a_channel_is_not_swallowed(slack: SlackServer) -> None:
    class Broken:
        name = "broken"

        def send(self, *_: object) -> None:
            raise ZeroDivisionError

    office = Office(slack, FAST)
    office.stop()
    office.sender = Sender(Broken(), office.cooldown, FAST, office.counts, Withheld())
    thread = office.sender.start()
    office.sender.offer(alert(), lambda: None)

    with pytest.raises(ZeroDivisionError):
        thread.result(30)


def test_what_is_withdrawn_alerts_nobody(office: Office) -> None:
    office.take(1, severity="critical", withdrawn=True)
    assert office.settled == [1]
    assert office.counts == AlertCounts(read=1, withdrawn=1)
