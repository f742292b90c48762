"""A local HTTP server in the place of Slack's incoming webhooks."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from tests.http_server import Answer, LocalHttpServer, Request

SECRET_PATH = "/services/T0000/B0000/hunter2"

OK = Answer(200, b"ok")


class SlackServer(LocalHttpServer):
    """Takes posts and answers them as planned, then always the last way.

    Attributes:
        posts: The JSON of every post, also of those that were answered with an error.
        accepted: The texts of those that were answered with 200.
    """

    def __init__(self) -> None:
        super().__init__()
        self.posts: list[dict[str, Any]] = []
        self.accepted: list[str] = []
        self.plan: deque[Answer] = deque([OK])

    def answer_to(self, request: Request) -> Answer:
        assert request.path == SECRET_PATH
        post = json.loads(request.body)
        answer = self.plan.popleft() if len(self.plan) > 1 else self.plan[0]
        self.posts.append(post)
        if answer.status == 200 and not answer.held:
            self.accepted.append(post["text"])
        return answer

    @property
    def url(self) -> str:
        return f"{self.address}{SECRET_PATH}"

    def answer(self, *plan: Answer) -> None:
        """Answer the next posts so; the last one stays."""
        self.plan = deque(plan)
