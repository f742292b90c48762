"""Alerts to Slack through an incoming webhook, whose address is a secret."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPException, InvalidURL
from typing import Any

from pydantic import SecretStr

from mdstream.alerting.alert import Alert
from mdstream.errors import AlertDelayedError, AlertError, MissingDependencyError

# slack-sdk logs the address it sends to. This logger has no handler and no parent.
_SILENT = logging.Logger("slack", logging.CRITICAL + 1)

# What Slack answers, e.g. no_service; anything else may quote the address.
_WORD = re.compile(r"[a-z_]{1,60}")


class SlackChannel:
    """Posts alerts to a Slack channel.

    Args:
        url: The webhook's address; it appears in no message.
        timeout_seconds: Longest wait for an answer.

    Raises:
        MissingDependencyError: slack-sdk is not installed.
    """

    name = "Slack"

    def __init__(self, url: SecretStr, timeout_seconds: int) -> None:
        try:
            from slack_sdk.webhook import WebhookClient
        except ImportError as exc:
            raise MissingDependencyError.for_extra("slack-sdk", "slack") from exc
        # Without handlers of its own: those would wait in here, where a stop could not interrupt them.
        self._client = WebhookClient(url.get_secret_value(), timeout=timeout_seconds, logger=_SILENT, retry_handlers=[])

    def send(self, alert: Alert, summary: str) -> None:
        """Post one alert.

        Raises:
            AlertDelayedError: Slack asks to wait (429), has a fault of its own, or cannot be reached.
            AlertError: Slack refuses the alert.
        """
        try:
            response = self._client.send(text=_text(alert, summary))
        except InvalidURL:
            raise AlertError("SLACK_WEBHOOK_URL is not an address that can be used") from None
        except (OSError, HTTPException) as exc:
            # Not chained: what lies below may hold the address.
            raise AlertDelayedError(f"Slack cannot be reached: {_cause(exc)}") from None
        except (ValueError, LookupError) as exc:
            raise AlertError(f"Slack's answer cannot be read: {type(exc).__name__}") from None
        status = response.status_code
        if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT} or status >= 500:
            raise AlertDelayedError(f"Slack answered {status}", _retry_after(response.headers))
        if status >= 300:
            said = response.body or ""
            word = f" {said}" if _WORD.fullmatch(said) else ""
            raise AlertError(
                f"Slack refused it with {status}{word}; is SLACK_WEBHOOK_URL right, and its channel there?"
            )


def _text(alert: Alert, summary: str) -> str:
    lines = [f"*{alert.severity.upper()}* {_escaped(alert.title)}", _escaped(alert.message)]
    if summary:
        lines.append(f"_{_escaped(summary)}_")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """Escape what Slack would take for markup of links and mentions."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cause(error: OSError | HTTPException) -> str:
    reason = getattr(error, "reason", error)
    words = reason.strerror if isinstance(reason, OSError) else None
    return words or type(reason).__name__


def _retry_after(headers: Any) -> float | None:  # noqa: ANN401 - slack-sdk leaves it open
    """Return the seconds to wait, given as a number or as a time; None if nothing usable is said."""
    said = str({str(name).lower(): value for name, value in headers.items()}.get("retry-after", ""))
    if said.isdecimal():
        return float(said)
    try:
        time = parsedate_to_datetime(said)
    except ValueError:
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return max(0.0, (time - datetime.now(UTC)).total_seconds())
