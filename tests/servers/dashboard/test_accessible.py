"""No serious finding of axe-core, in both themes and on a phone: roles, names, keyboard, and a contrast of 4.5."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from mdstream.config import KafkaSettings
from mdstream.schemas import ANOMALY
from tests.servers.dashboard.market import FIRST, LAST, MINUTE, SECOND, anomaly_at, send

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright",
    reason="axe-core: `pip install axe-playwright-python`, which the extra dev brings",
)

pytestmark = [pytest.mark.servers, pytest.mark.slow]

_GRAVE = {"serious", "critical"}
_SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


def findings(page: Page) -> dict[str, list[Any]]:
    """What axe-core finds serious: where, by rule."""
    found = axe.Axe().run(page).response["violations"]
    return {each["id"]: [node["target"] for node in each["nodes"]] for each in found if each["impact"] in _GRAVE}


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_nothing_serious_is_found(page: Page, kafka: KafkaSettings, scheme: str, size: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": _SIZES[size]["width"], "height": _SIZES[size]["height"]})
    page.goto(f"/?symbol={FIRST}&window=1min")
    page.wait_for_function("() => mdstream.chart.shown().candles.length > 0")
    for place, severity in enumerate(("low", "medium", "high", "critical")):
        send(
            kafka,
            ANOMALY,
            anomaly_at(LAST - place * MINUTE, severity, symbol=SECOND, rule=f"axe_{severity}", severity=severity),
        )
    for severity in ("low", "medium", "high", "critical"):
        expect(page.locator(f"#anomalies .{severity}").first).to_be_attached()
    assert findings(page) == {}
    # What is wrong is found: the check is no formality.
    page.evaluate("document.querySelector('#quote .symbol').style.color = 'color-mix(in srgb, CanvasText 20%, Canvas)'")
    assert [*findings(page)] == ["color-contrast"]


def test_windows_and_indicators_are_chosen_by_keys(page: Page) -> None:
    page.goto(f"/?symbol={FIRST}&window=1min")
    page.wait_for_function("() => mdstream.chart.shown().candles.length > 0")
    for key, name in (("Enter", "5min"), (" ", "1min")):
        page.get_by_role("option", name=name, exact=True).focus()
        page.keyboard.press(key)
        expect(page.locator("#quote .window")).to_have_text(name)
    page.get_by_role("option", name="RSI").focus()
    page.keyboard.press(" ")
    expect(page.locator("#chart")).not_to_contain_text("RSI 14")
