"""Takes alerts in the place of Slack, and notes when they came."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from tests.http_server import Answer, Request
from tests.slack_server import SlackServer

_TITLE = re.compile(r"\*[A-Z]+\* (\S+) (\w+),")


@dataclass(frozen=True)
class Post:
    """An alert that was taken.

    Attributes:
        time: When, in epoch seconds.
    """

    time: float
    symbol: str
    rule: str


class Slack(SlackServer):
    """Takes every post while it is `running`.

    Attributes:
        alerts: Those of them that are of a finding.
    """

    def __init__(self) -> None:
        super().__init__()
        self.alerts: list[Post] = []

    def answer_to(self, request: Request) -> Answer:
        answer = super().answer_to(request)
        if found := _TITLE.match(self.posts[-1]["text"]):
            self.alerts.append(Post(time.time(), found[1], found[2]))
        return answer
