"""One browser and one set of servers for all tests of the dashboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from mdstream.config import KafkaSettings
from mdstream.embedded import LocalKafka, LocalPostgres, LocalRedis
from mdstream.kafka.topics import create_topics, plan_topics
from mdstream.stores.timescaledb import create_schema
from tests.servers.dashboard.market import SETTINGS, store_an_hour
from tests.servers.dashboard.services import Services

_SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium: this machine has none; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=list(_SWITCHES))
        yield running
        running.close()


@pytest.fixture(scope="package")
def kafka(kafka_server: LocalKafka) -> KafkaSettings:
    settings = KafkaSettings(bootstrap_servers=kafka_server.bootstrap_servers)
    create_topics(settings, plan_topics(SETTINGS.model_copy(update={"kafka": settings})))
    return settings


@pytest.fixture(scope="package")
def postgres() -> Iterator[LocalPostgres]:
    """A server that a test may stop, with an hour of bars."""
    with LocalPostgres() as server:
        create_schema(server.settings, SETTINGS.table_records)
        store_an_hour(server.settings)
        yield server


@pytest.fixture(scope="package")
def services(
    kafka: KafkaSettings,
    postgres: LocalPostgres,
    redis_server: LocalRedis,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Services]:
    running = Services(kafka, postgres.settings, redis_server.settings, tmp_path_factory.mktemp("dashboard"))
    try:
        running.start()
        yield running
    finally:
        running.stop()
    assert running.secrets_in_logs() == []


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complains of; a test that expects some takes them out."""
    return []


@pytest.fixture
def viewport() -> dict[str, int]:
    return {"width": 1280, "height": 800}


@pytest.fixture
def page(browser: Browser, services: Services, complaints: list[str], viewport: dict[str, int]) -> Iterator[Page]:
    """A page of a browser that knows a key; nothing may be wrong with it in the end."""
    context = browser.new_context(
        viewport={"width": viewport["width"], "height": viewport["height"]},
        base_url=services.url,
        color_scheme="dark",
        http_credentials={"username": "anyone", "password": services.user_key},
    )
    opened = context.new_page()
    opened.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []
