"""Who sees the dashboard, and what its page may load."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient

import mdstream.serving.dashboard
from mdstream.config import ServingSettings, Settings
from mdstream.serving.access import entry_for, new_key
from mdstream.serving.dashboard import create_dashboard, protection

pytestmark = pytest.mark.anyio

KEY = new_key()
PATHS = ["/", "/live?window=1min", "/assets/view.js", "/_dash-layout", "/_dash-dependencies"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def client_of(**serving: object) -> AsyncClient:
    settings = Settings(serving=ServingSettings.model_validate(serving))
    return AsyncClient(transport=ASGITransport(create_dashboard(settings)), base_url="http://localhost:8050")


@pytest.fixture
async def open_client() -> AsyncIterator[AsyncClient]:
    async with client_of() as client:
        yield client


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    async with client_of(api_keys=[entry_for("desk", KEY)]) as client:
        yield client


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"}


@pytest.mark.parametrize("path", PATHS)
async def test_everything_is_behind_the_key(client: AsyncClient, path: str) -> None:
    for headers in ({}, basic("desk", "mds_guess"), basic("desk", ""), {"Authorization": "Basic %%%"}):
        refused = await client.get(path, headers=headers)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].startswith("Basic ")
        assert "API key" in refused.text
    for headers in (basic("anybody", KEY), basic("", KEY), {"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}):
        assert (await client.get(path, headers=headers)).status_code == 200


async def test_whether_it_lives_is_no_secret(client: AsyncClient) -> None:
    assert (await client.get("/health/live")).json() == {"status": "alive"}


@pytest.mark.parametrize("path", PATHS)
async def test_a_page_may_load_only_what_is_ours(open_client: AsyncClient, path: str) -> None:
    answer = await open_client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    script = re.search(r"script-src ([^;]+)", policy)
    assert script
    assert "unsafe-inline" not in script[1]
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "server" not in answer.headers


async def test_the_page_names_no_other_host(open_client: AsyncClient) -> None:
    page = (await open_client.get("/")).text
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert len(loaded) > 5
    assert [address for address in loaded if "//" in address] == []
    assets = Path(mdstream.serving.dashboard.__file__).parent / "assets"
    for asset in assets.iterdir():
        addresses = re.findall(r"https?://[^\s\"')]+", asset.read_text())
        # The chart's library and its licence name their makers; the link to them that it can draw is off.
        makers = r"https?://www\.(tradingview\.com|apache\.org/licenses)/.*"
        foreign = {each for each in addresses if not ("lightweight-charts" in asset.name and re.match(makers, each))}
        assert foreign <= {"http://www.w3.org/2000/svg"}
        assert (await open_client.get(f"/assets/{asset.name}")).status_code == 200


async def test_another_sites_name_for_this_machine_is_refused(open_client: AsyncClient) -> None:
    for path in PATHS:
        answer = await open_client.get(path, headers={"Host": "evil.example:8050"})
        assert answer.status_code == 403
        assert "allowed_hosts" in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "",
        "window=7min",
        "window=1min&symbol=A%00",
        "window=1min&since=x",
        "window=1min&since=-1",
        "window=1min&since=²",
        "window=1min&since=" + "9" * 5000,
        "window=1min&since=",
    ],
)
async def test_senseless_questions_are_refused(open_client: AsyncClient, query: str) -> None:
    answer = await open_client.get(f"/live?{query}")
    assert answer.status_code == 422
    assert "expected" in answer.text


@pytest.mark.parametrize(
    "question",
    [
        "live?window=1min&wait=-1",
        "live?window=1min&wait=1001",
        "live?window=1min&wait=" + "9" * 5000,
        "history?window=1min&before=5",
        "history?window=7min&symbol=AAPL&before=5",
        "history?window=1min&symbol=AAPL",
        "history?window=1min&symbol=AAPL&before=" + "9" * 16,
        "history?window=1min&symbol=A%00&before=5",
    ],
)
async def test_so_are_waits_and_pasts_that_make_no_sense(open_client: AsyncClient, question: str) -> None:
    answer = await open_client.get(f"/{question}")
    assert answer.status_code == 422
    assert "expected" in answer.text


async def test_the_past_is_behind_the_key_and_says_when_it_cannot_be_had(client: AsyncClient) -> None:
    past = "/history?window=1min&symbol=AAPL&before=5"
    assert (await client.get(past)).status_code == 401
    answer = await client.get(past, headers={"X-API-Key": KEY})
    assert answer.status_code == 503
    assert "REST API" in answer.text


async def test_it_answers_before_its_servers_are_there(open_client: AsyncClient) -> None:
    answer = (await open_client.get("/live?window=1min&symbol=BTC/USD")).json()
    assert answer["chart"] == {"loaded": False, "bars": [], "anomalies": [], "forecasts": []}
    assert [problem["name"] for problem in answer["status"]["problems"]] == ["websocket"]
    assert not answer["status"]["live"]


async def test_versions_of_another_process_mean_nothing(open_client: AsyncClient) -> None:
    first = (await open_client.get("/live?window=1min")).json()
    again = (await open_client.get(f"/live?window=1min&since=999999&epoch={first['epoch']}x")).json()
    assert again["epoch"] == first["epoch"]
    assert again["version"] == first["version"]


@pytest.mark.parametrize(
    "path",
    [
        "/_dash-component-suites/os/path.py",
        "/_dash-component-suites/dash/dash.py",
        "/_dash-component-suites/dash/../../etc/passwd",
        "/_dash-component-suites/dash/%2e%2e/dash.py",
        "/_dash-component-suites/",
        "/_dash-component-suites/dash",
        "/_dash-update-component",
        "/_reload-hash",
        "/no-such-page",
        "/assets/../app.py",
        "/assets/%00",
        "/assets/" + "a" * 1000,
    ],
)
async def test_what_no_page_needs_is_not_there(
    open_client: AsyncClient, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await open_client.get(path)
    assert answer.status_code == 404
    assert "Traceback" not in answer.text + caplog.text


async def test_every_script_that_dash_lists_is_there(open_client: AsyncClient) -> None:
    page = (await open_client.get("/")).text
    scripts = re.findall(r'src="(/_dash-component-suites/[^"?]+)', page)
    assert len(scripts) > 3
    for script in scripts:
        assert (await open_client.get(script)).status_code == 200
    lazy = await open_client.get("/_dash-component-suites/dash/dcc/async-dropdown.js")
    assert lazy.status_code == 200


async def test_bodies_are_refused_unread(open_client: AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 65_536

    forged = {"output": "address.search", "inputs": [], "changedPropIds": []}
    for content in (b"{}", endless(), b"x" * 1_000_000):
        answer = await open_client.post("/_dash-update-component", content=content)
        assert answer.status_code == 413
        assert answer.headers["Connection"] == "close"
    assert (await open_client.post("/_dash-update-component", json=forged)).status_code == 413
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        assert (await open_client.request(method, "/_dash-update-component")).status_code == 405
    assert (await open_client.get("/live?window=" + "a" * 10_000)).status_code == 414
    assert read <= 1
    assert caplog.text == ""


async def test_too_many_questions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protection, "_REQUESTS_PER_SECOND", 0.01)
    monkeypatch.setattr(protection, "_BURST", 5)
    async with client_of(api_keys=[entry_for("desk", KEY)]) as client:
        answers = [await client.get("/live?window=1min") for _ in range(10)]
        assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 5
        assert int(answers[-1].headers["Retry-After"]) > 1
        assert (await client.get("/health/live")).is_success
        # Who has a key is not held up by who has none.
        assert (await client.get("/live?window=1min", headers={"X-API-Key": KEY})).is_success
