from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.slack_server import SlackServer


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackServer]:
    # slack-sdk would ask a proxy for the local server.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with SlackServer().running() as server:
        yield server
