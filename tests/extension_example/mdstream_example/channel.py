"""Alerts as lines of JSON in a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mdstream.alerting import Alert, ChannelExtension
from mdstream.config import AlertSettings
from mdstream.config.section import Section
from mdstream.errors import AlertDelayedError


class JsonLinesSettings(Section):
    """The section `alerts.json_lines`."""

    path: Path = Path("alerts.jsonl")


@dataclass
class JsonLinesChannel:
    """Appends to a file. A channel that raises AlertDelayedError is asked again, with longer and longer waits."""

    path: Path
    name: str = "json_lines"

    def send(self, alert: Alert, summary: str) -> None:
        line = {"severity": alert.severity, "title": alert.title, "message": alert.message, "summary": summary}
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as exc:
            raise AlertDelayedError(f"{self.path} cannot be written: {exc.strerror}") from exc


def open_channel(own: JsonLinesSettings, alerts: AlertSettings) -> JsonLinesChannel:
    return JsonLinesChannel(own.path)


CHANNEL = ChannelExtension(settings=JsonLinesSettings, open=open_channel)
