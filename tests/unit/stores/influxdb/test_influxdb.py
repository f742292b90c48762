"""What the sink makes of InfluxDB's answers, said by a server of our own that can say them all."""

from __future__ import annotations

import http.server
import importlib.util
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from mdstream.config import InfluxSettings
from mdstream.errors import InvalidInputError, MissingDependencyError, SinkError, SinkUnavailableError
from mdstream.schemas import BAR, STORED_TICK, TICK
from mdstream.stores import InfluxSink
from tests.unit.stores.rows import bar, bars, tick, ticks

TOKEN = "a-token-of-the-test"


@dataclass
class Answers:
    """What the server says, and what it was asked."""

    url: str
    status: int = 204
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def answers() -> Iterator[Answers]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            found.asked.append(self.path)
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Answers(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        server.shutdown()
        thread.join()


def settings_of(answers: Answers) -> InfluxSettings:
    return InfluxSettings(url=answers.url, token=SecretStr(TOKEN), timeout_seconds=5)


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "said"),
    [
        (401, b'{"code":"unauthorized","message":"unauthorized access"}', {}, SinkError, "INFLUXDB__TOKEN"),
        (403, b'{"message":"insufficient permissions"}', {}, SinkError, "read and write access"),
        (404, b'{"message":"bucket \\"mdstream\\" not found"}', {}, SinkError, "make the bucket"),
        (422, b'{"message":"field type conflict"}', {}, SinkError, "422 field type conflict"),
        (400, b"not JSON", {}, SinkError, "400 not JSON"),
        (429, b'{"message":"slow down"}', {"Retry-After": "17"}, SinkUnavailableError, "asks to wait 17 s"),
        (500, b"", {}, SinkUnavailableError, "500"),
        (503, b'{"message":"queue full"}', {}, SinkUnavailableError, "503 queue full"),
    ],
)
def test_every_answer_is_an_error_of_its_kind(
    answers: Answers, status: int, body: bytes, headers: dict[str, str], kind: type[SinkError], said: str
) -> None:
    answers.status, answers.body, answers.headers = status, body, headers
    sink = InfluxSink(settings_of(answers), STORED_TICK)
    with pytest.raises(SinkError) as caught:
        sink.write(ticks(tick()))
    assert type(caught.value) is kind
    assert said in str(caught.value)
    assert answers.url.removeprefix("http://") in str(caught.value)
    assert TOKEN not in f"{caught.value!r} {caught.value.__cause__!s} {sink!r}"


def test_a_query_that_breaks_off_is_tried_again(answers: Answers) -> None:
    answers.status, answers.body = 200, b"error,reference\r\nengine: shard is closing,\r\n"
    with pytest.raises(SinkUnavailableError, match="shard is closing"):
        InfluxSink(settings_of(answers), BAR).write(bars(bar()))
    assert [path.partition("?")[0] for path in answers.asked] == ["/api/v2/query"]


def test_a_long_batch_goes_in_several_requests(answers: Answers) -> None:
    InfluxSink(settings_of(answers), STORED_TICK).write(ticks(*(tick(offset=offset) for offset in range(5_001))))
    assert [path.partition("?")[0] for path in answers.asked] == ["/api/v2/write"] * 2
    assert all("precision=ns" in path for path in answers.asked)


def test_nothing_is_asked_for_an_empty_batch(answers: Answers) -> None:
    InfluxSink(settings_of(answers), BAR).write(bars())
    assert answers.asked == []


def test_a_password_in_the_address_is_not_shown() -> None:
    sink = InfluxSink(InfluxSettings(url="http://me:hunter2@127.0.0.1:9", timeout_seconds=1), STORED_TICK)
    with pytest.raises(SinkUnavailableError) as caught:
        sink.write(ticks(tick()))
    assert "hunter2" not in str(caught.value)


def test_an_address_that_is_none_is_refused() -> None:
    sink = InfluxSink(InfluxSettings(url="http://:8086", timeout_seconds=1), STORED_TICK)
    with pytest.raises(SinkError, match=r"stores\.influxdb\.url"):
        sink.write(ticks(tick()))


def test_a_record_without_measurement_has_no_place() -> None:
    with pytest.raises(InvalidInputError, match="a tick has no measurement"):
        InfluxSink(InfluxSettings(), TICK)


def test_without_the_client_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r"mdstream-spark\[influxdb\]"):
        InfluxSink(InfluxSettings(), BAR)
