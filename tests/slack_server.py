"""A local HTTP server in the place of Slack's incoming webhooks."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET_PATH = "/services/T0000/B0000/hunter2"


@dataclass(frozen=True)
class Answer:
    """What is answered to one post; `held` answers only when the server's `release` is set."""

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    held: bool = False


OK = Answer(200, "ok")


class SlackServer:
    """Takes posts and answers them as planned, then always the last way.

    Attributes:
        posts: The JSON of every post, also of those that were answered with an error.
        accepted: The texts of those that were answered with 200.
    """

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.accepted: list[str] = []
        self.plan: deque[Answer] = deque([OK])
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == SECRET_PATH
                post = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = outer.plan.popleft() if len(outer.plan) > 1 else outer.plan[0]
                outer.posts.append(post)
                if answer.held:
                    outer.release.wait(60)
                    return
                if answer.status == 200:
                    outer.accepted.append(post["text"])
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body.encode())

            def log_message(self, *_: object) -> None:
                """Keep the test's output quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{SECRET_PATH}"

    def answer(self, *plan: Answer) -> None:
        """Answer the next posts so; the last one stays."""
        self.plan = deque(plan)

    @contextmanager
    def running(self) -> Iterator[SlackServer]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self.release.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()
