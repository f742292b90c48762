"""The API's documentation in a browser, under its content security policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.servers.dashboard.services import Services

pytestmark = pytest.mark.servers


def test_it_works_and_asks_no_other_site(browser: Browser, services: Services) -> None:
    url = f"http://127.0.0.1:{services.rest.port}"
    asked: list[str] = []
    complaints: list[str] = []
    with browser.new_context() as context, context.new_page() as page:
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{url}/docs")
        operation = page.locator(".opblock", has_text="/health/live")
        operation.click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")

    assert complaints == []
    assert f"{url}/health/live" in asked
    assert {address for address in asked if not address.startswith((url, "data:"))} == set()
