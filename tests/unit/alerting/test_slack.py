"""What Slack gets and how its answers are taken; the address stays secret."""

from __future__ import annotations

import logging
import socket
import sys
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import SecretStr

from mdstream.alerting import LogChannel, open_channel
from mdstream.alerting.slack import SlackChannel
from mdstream.config import AlertSettings
from mdstream.errors import AlertDelayedError, AlertError, ConfigError, MissingDependencyError
from tests.http_server import Answer
from tests.slack_server import SECRET_PATH, SlackServer
from tests.unit.alerting.alerts import NOON, alert


def channel(slack: SlackServer) -> SlackChannel:
    return SlackChannel(SecretStr(slack.url), timeout_seconds=1)


def test_an_alert_as_slack_shows_it(slack: SlackServer) -> None:
    channel(slack).send(alert(severity="critical", message="a < b & <!here>"), "12 more alerts held back")

    assert slack.posts == [
        {
            "text": "*CRITICAL* AAPL price_spike, 1min bar of 2026-01-02 12:00:00 UTC\n"
            "a &lt; b &amp; &lt;!here&gt;\n"
            "_12 more alerts held back_"
        }
    ]


@pytest.mark.parametrize("status", [429, 408, 500, 503])
def test_may_be_sent_again(slack: SlackServer, status: int) -> None:
    slack.answer(Answer(status, "trouble"))

    with pytest.raises(AlertDelayedError, match=f"Slack answered {status}") as caught:
        channel(slack).send(alert(), "")

    assert caught.value.retry_after is None
    assert len(slack.posts) == 1


def test_retry_after_in_seconds(slack: SlackServer) -> None:
    slack.answer(Answer(429, headers={"Retry-After": "30"}))

    with pytest.raises(AlertDelayedError) as caught:
        channel(slack).send(alert(), "")

    assert caught.value.retry_after == 30


def test_retry_after_as_a_time(slack: SlackServer) -> None:
    slack.answer(Answer(429, headers={"retry-after": format_datetime(datetime.now(UTC) + timedelta(hours=1), True)}))

    with pytest.raises(AlertDelayedError) as caught:
        channel(slack).send(alert(), "")

    assert caught.value.retry_after == pytest.approx(3600, abs=60)


@pytest.mark.parametrize("said", ["soon", "", "-5", "1.5"])
def test_retry_after_that_says_nothing(slack: SlackServer, said: str) -> None:
    slack.answer(Answer(429, headers={"Retry-After": said}))

    with pytest.raises(AlertDelayedError) as caught:
        channel(slack).send(alert(), "")

    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    ("status", "word"), [(404, "no_service"), (403, "action_prohibited"), (400, "invalid_payload")]
)
def test_a_refusal_says_what_slack_said(slack: SlackServer, status: int, word: str) -> None:
    slack.answer(Answer(status, word))

    with pytest.raises(AlertError, match=f"refused it with {status} {word}; is SLACK_WEBHOOK_URL right") as caught:
        channel(slack).send(alert(), "")

    assert not isinstance(caught.value, AlertDelayedError)


def test_no_answer_in_time(slack: SlackServer) -> None:
    slack.answer(Answer(200, held=True))

    with pytest.raises(AlertDelayedError, match="Slack cannot be reached: "):
        channel(slack).send(alert(), "")


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(AlertDelayedError, match="Slack cannot be reached: Connection refused"):
        SlackChannel(SecretStr(f"http://127.0.0.1:{port}{SECRET_PATH}"), 1).send(alert(), "")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, f"no {SECRET_PATH} here"),
        Answer(500, SECRET_PATH),
        Answer(302, headers={"Location": f"ftp://127.0.0.1{SECRET_PATH}"}),
        Answer(200, held=True),
    ],
)
def test_the_address_is_in_no_error_and_no_log(
    slack: SlackServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], answer: Answer
) -> None:
    caplog.set_level(logging.DEBUG)
    slack.answer(answer)

    with pytest.raises(AlertError) as caught:
        channel(slack).send(alert(), "")

    written = "".join(capfd.readouterr())
    assert "hunter2" not in "".join(traceback.format_exception(caught.value)) + caplog.text + written


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/hunter2 x", "http://127.0.0.1:x/hunter2", "http://\xa0é/hunter2"])
def test_an_unusable_address_is_in_no_error(url: str) -> None:
    with pytest.raises(AlertError) as caught:
        SlackChannel(SecretStr(url), 1).send(alert(), "")

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_slack_is_taken_when_its_address_is_set(slack: SlackServer) -> None:
    address = SecretStr(slack.url)

    assert isinstance(open_channel(AlertSettings()), LogChannel)
    assert isinstance(open_channel(AlertSettings(slack_webhook_url=address)), SlackChannel)
    assert isinstance(open_channel(AlertSettings(slack_webhook_url=address, channel="log")), LogChannel)


def test_slack_without_an_address() -> None:
    with pytest.raises(ConfigError, match="SLACK_WEBHOOK_URL is not set"):
        open_channel(AlertSettings(channel="slack"))


def test_slack_without_its_package(slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "slack_sdk.webhook", None)

    with pytest.raises(MissingDependencyError, match=r"pip install 'mdstream-spark\[slack\]'"):
        channel(slack)


def test_the_log(caplog: pytest.LogCaptureFixture) -> None:
    LogChannel().send(alert(window_start=NOON), "3 more alerts held back")

    assert caplog.messages == [
        "HIGH: AAPL price_spike, 1min bar of 2026-01-02 12:00:00 UTC: up & away (3 more alerts held back)"
    ]
