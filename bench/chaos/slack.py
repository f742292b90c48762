"""Takes alerts in the place of Slack, and notes when they came."""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_TITLE = re.compile(r"\*[A-Z]+\* (\S+) (\w+),")
_PATH = "/services/T0000/B0000/chaos"


@dataclass(frozen=True)
class Post:
    """An alert that was taken.

    Attributes:
        time: When, in epoch seconds.
    """

    time: float
    symbol: str
    rule: str


class Slack:
    """Answers every post with 200 while the `with` block runs."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        posts = self.posts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"]
                if found := _TITLE.match(text):
                    posts.append(Post(time.time(), found[1], found[2]))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{_PATH}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
