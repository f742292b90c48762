"""The address of Slack: from its own variable, and never shown."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from mdstream.config import load_settings
from mdstream.errors import ConfigError

URL = "https://hooks.slack.com/services/T0/B0/hunter2"


def found() -> str:
    return load_settings().alerts.slack_webhook_url.get_secret_value()


def test_from_the_environment_before_dotenv(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found() == ""
    (project / ".env").write_text(f"SLACK_WEBHOOK_URL={URL}-of-the-file\n")
    assert found() == f"{URL}-of-the-file"
    monkeypatch.setenv("SLACK_WEBHOOK_URL", URL)
    assert found() == URL


def test_empty_is_not_set(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".env").write_text("SLACK_WEBHOOK_URL=\n")
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "")

    assert found() == ""


def test_goes_beside_other_settings_of_alerts(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf.write_text("alerts: {cooldown_seconds: 60}")
    monkeypatch.setenv("MDSTREAM_ALERTS__SEVERITIES", '["critical"]')
    monkeypatch.setenv("SLACK_WEBHOOK_URL", URL)

    alerts = load_settings().alerts
    assert (alerts.cooldown_seconds, alerts.severities) == (60, ("critical",))
    assert alerts.slack_webhook_url.get_secret_value() == URL


@pytest.mark.parametrize("place", ["environment", ".env"])
def test_one_that_is_no_address_is_refused_and_not_shown(
    project: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    if place == "environment":
        monkeypatch.setenv("SLACK_WEBHOOK_URL", "hunter2")
    else:
        (project / ".env").write_text("SLACK_WEBHOOK_URL=hunter2\n")

    with pytest.raises(ConfigError, match=r"slack_webhook_url: .*expected an address that begins with https") as caught:
        load_settings()

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK_URL", URL)
    settings = load_settings()

    assert "hunter2" not in repr(settings) + settings.model_dump_json() + str(settings.model_dump())
    assert "SLACK_WEBHOOK_URL=\n" in (Path(__file__).parents[3] / ".env.example").read_text()
