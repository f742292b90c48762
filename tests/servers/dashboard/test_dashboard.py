"""The dashboard as people see it: Chromium, on the real API, WebSocket server, Kafka and database."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from mdstream.config import KafkaSettings
from mdstream.embedded import LocalPostgres
from mdstream.schemas import ANOMALY, BAR, PREDICTION
from tests.servers.dashboard.market import (
    FIRST,
    INDICATORS,
    LAST,
    MINUTE,
    SECOND,
    STORED_BARS,
    anomaly_at,
    forecast_of,
    indicators_of,
    minute_bar,
    send,
    store,
)
from tests.servers.dashboard.services import Services
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

expect.set_options(timeout=60_000)

HIDDEN_CANDLES = 2
_TRACE = "name => document.querySelector('.js-plotly-plot').data.find(trace => trace.name === name)"
_TRACES = "() => document.querySelector('.js-plotly-plot').data.map(trace => trace.name)"
_RANGE = "() => document.querySelector('.js-plotly-plot').layout.xaxis.range"
_CANDLES = "#chart .boxlayer path.box"


def show(page: Page, symbol: str = FIRST) -> None:
    page.goto(f"/?symbol={symbol}&window=1min")
    expect(page.locator("#connection")).not_to_have_text("")


def candles(page: Page) -> int:
    return page.locator(_CANDLES).count() - HIDDEN_CANDLES


def trace(page: Page, name: str) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(_TRACE, name)
    return found


def test_candles_are_there_and_grow(page: Page, kafka: KafkaSettings) -> None:
    show(page)
    expect(page.locator(_CANDLES)).to_have_count(STORED_BARS + HIDDEN_CANDLES)
    expect(page.locator("#quote")).to_contain_text("C 103.00")
    assert trace(page, "candles")["close"][-3:] == [101.0, 102.0, 103.0]

    send(kafka, BAR, minute_bar(LAST, 104.25, trade_count=12))
    expect(page.locator("#quote")).to_contain_text("C 104.25")
    expect(page.locator("#connection")).to_have_text("Live")
    # A revision that comes late again does not take the bar back, whatever the order.
    send(kafka, BAR, minute_bar(LAST, 99.0, trade_count=11), minute_bar(LAST + MINUTE, 105.5, trade_count=1))
    expect(page.locator("#quote")).to_contain_text("C 105.50")
    expect(page.locator(_CANDLES)).to_have_count(STORED_BARS + 1 + HIDDEN_CANDLES)
    assert trace(page, "candles")["close"][-2:] == [104.25, 105.5]
    expect(page).to_have_title(re.compile(rf"105\.50 {FIRST}"))
    expect(page.locator(f'[data-symbol="{FIRST}"] .last')).to_have_text("105.50")
    expect(page.locator("#figures")).to_contain_text(re.compile(r"p50 ?\d"))


def test_symbols_and_windows_are_picked(page: Page) -> None:
    show(page)
    page.locator(f'[data-symbol="{SECOND}"]').click()
    expect(page.locator("#quote .symbol")).to_have_text(SECOND)
    expect(page.locator(_CANDLES)).to_have_count(5 + HIDDEN_CANDLES)
    page.get_by_text("5min", exact=True).click()
    expect(page.locator(_CANDLES)).to_have_count(1 + HIDDEN_CANDLES)
    expect(page).to_have_url(re.compile(rf"symbol={SECOND}&window=5min"))

    page.reload()
    expect(page.locator("#quote .window")).to_have_text("5min")
    expect(page.locator(_CANDLES)).to_have_count(1 + HIDDEN_CANDLES)

    page.locator("#symbol").click()
    page.get_by_role("option", name=FIRST).click()
    expect(page.locator("#quote .symbol")).to_have_text(FIRST)
    expect(page.locator("#notice")).to_contain_text(f"No bars of {FIRST} (5min) yet")
    expect(page.locator("#notice")).to_contain_text("There are some of another window")


def test_indicators_are_drawn_and_follow(page: Page, kafka: KafkaSettings) -> None:
    show(page)
    expect(page.locator("#chart")).to_contain_text("RSI 14")
    shown = page.evaluate(_TRACES)
    assert {"sma_20", "bb_upper", "bb_lower", "rsi_14", "macd", "macd_signal", "macd_hist"} <= {*shown}
    assert "ema_12" not in shown
    assert trace(page, "sma_20")["y"][:20] == [None] * 20
    assert set(trace(page, "sma_20")["y"][20:STORED_BARS]) == {101.5}
    assert trace(page, "sma_20")["yaxis"] == "y"
    assert trace(page, "rsi_14")["yaxis"] not in ("y", "y2")
    shapes = page.evaluate("() => document.querySelector('.js-plotly-plot').layout.shapes")
    assert {70, 30} <= {shape["y0"] for shape in shapes if shape["type"] == "line"}

    send(kafka, INDICATORS, indicators_of(LAST - MINUTE, rsi_14=71.25))
    until(lambda: 71.25 in trace(page, "rsi_14")["y"])

    page.get_by_text("RSI", exact=True).click()
    page.get_by_text("EMA", exact=True).click()
    until(lambda: "ema_12" in page.evaluate(_TRACES) and "rsi_14" not in page.evaluate(_TRACES))
    page.reload()
    expect(page.locator("#chart")).to_contain_text("EMA 12")
    assert "rsi_14" not in page.evaluate(_TRACES)


def test_an_anomaly_becomes_visible_and_its_words_stay_words(page: Page, kafka: KafkaSettings) -> None:
    show(page)
    expect(page.locator("#anomalies")).to_contain_text("stored before")
    expect(page.locator(_CANDLES).first).to_be_attached()
    until(lambda: len(trace(page, "anomalies")["x"]) == 1)
    message = "<img src=x onerror=alert(1)> 11 % up"
    send(kafka, ANOMALY, anomaly_at(LAST - MINUTE, message))
    expect(page.locator("#anomalies .anomaly").first).to_contain_text(message)
    until(lambda: len(trace(page, "anomalies")["x"]) == 2)
    assert "&lt;img" in trace(page, "anomalies")["text"][-1]
    assert page.locator("img").count() == 0

    page.locator(f'[data-symbol="{SECOND}"]').click()
    expect(page.locator("#quote .symbol")).to_have_text(SECOND)
    page.locator("#anomalies .anomaly").first.click()
    expect(page.locator("#quote .symbol")).to_have_text(FIRST)


def test_forecasts_stand_over_the_bars_they_are_of(page: Page, kafka: KafkaSettings, postgres: LocalPostgres) -> None:
    store(postgres.settings, PREDICTION, forecast_of(15, 50.5))
    show(page, SECOND)
    expect(page.locator(_CANDLES).first).to_be_attached()
    until(lambda: trace(page, "forecasts")["text"] == ["15 min"])
    send(kafka, PREDICTION, forecast_of(5, 50.25, beats_naive=True, relative_mae=0.97))
    until(lambda: trace(page, "forecasts")["text"] == ["5 min", "15 min"])

    shown, newest = trace(page, "forecasts"), datetime.fromisoformat(trace(page, "candles")["x"][-1])
    # The newest bar ends in a minute: five minutes behind that is the end of the fifth bar after it.
    assert [datetime.fromisoformat(x) - newest for x in shown["x"]] == [5 * MINUTE, 15 * MINUTE]
    assert datetime.fromisoformat(page.evaluate(_RANGE)[1]) - newest > 15 * MINUTE
    assert shown["y"] == [50.25, 50.5]
    assert (shown["error_y"]["arrayminus"], shown["error_y"]["array"]) == ([1.0, 1.0], [2.0, 2.0])
    nearest, later = shown["hovertext"]
    assert "50.25 (49.25 to 52.25)<br>last price 50.00<br>relative MAE 0.9700, better than the last price" in nearest
    assert "relative MAE 1.0120, not better than the last price" in later


def test_zoom_is_kept_while_bars_come(page: Page, kafka: KafkaSettings) -> None:
    show(page)
    expect(page.locator(_CANDLES).first).to_be_attached()
    followed = page.evaluate(_RANGE)

    def dragged_into_the_past() -> bool:
        # A drag that begins while the chart is being drawn moves nothing, and people drag again.
        page.mouse.move(500, 300)
        page.mouse.down()
        page.mouse.move(800, 300, steps=5)
        page.mouse.up()
        return bool(page.evaluate(_RANGE)[1] < followed[1])

    until(dragged_into_the_past)
    expect(page.locator("#follow")).to_be_visible()
    panned = page.evaluate(_RANGE)
    send(kafka, BAR, minute_bar(LAST + MINUTE, 106.75, trade_count=20))
    expect(page.locator("#quote .last")).to_have_text("106.75")
    until(lambda: trace(page, "candles")["close"][-1] == 106.75)
    assert page.evaluate(_RANGE) == panned
    page.locator("#follow").click()
    expect(page.locator("#follow")).to_be_hidden()
    until(lambda: page.evaluate(_RANGE)[1] > panned[1])


def test_database_gone_and_back(page: Page, kafka: KafkaSettings, postgres: LocalPostgres) -> None:
    show(page)
    expect(page.locator(_CANDLES).first).to_be_attached()
    expect(page.locator("#banner .problem")).to_have_count(0)
    postgres.stop()
    try:
        expect(page.locator('[data-problem="database"]')).to_contain_text("mdstream doctor")
        send(kafka, BAR, minute_bar(LAST + MINUTE, 107.5, trade_count=30))
        expect(page.locator("#quote")).to_contain_text("C 107.50")
    finally:
        postgres.start()
    expect(page.locator("#banner .problem")).to_have_count(0)


def test_websocket_server_gone_and_back(page: Page, services: Services, postgres: LocalPostgres) -> None:
    show(page)
    expect(page.locator(_CANDLES).first).to_be_attached()
    services.websocket.stop()
    try:
        expect(page.locator('[data-problem="websocket"]')).to_contain_text("mdstream websocket")
        expect(page.locator("#connection")).to_have_text("Reconnecting")
        store(postgres.settings, BAR, minute_bar(LAST + MINUTE, 108.25, trade_count=40))
        expect(page.locator("#quote")).to_contain_text("C 108.25")
    finally:
        services.websocket.start()
        services.websocket.wait()
    expect(page.locator("#banner .problem")).to_have_count(0)


def test_dashboard_gone_and_back(page: Page, services: Services, complaints: list[str]) -> None:
    show(page)
    expect(page.locator(_CANDLES).first).to_be_attached()
    services.dashboard.stop()
    try:
        expect(page.locator('[data-problem="dashboard"]')).to_contain_text("mdstream dashboard")
        expect(page.locator("#connection")).to_have_text("Offline")
    finally:
        services.dashboard.start()
        services.dashboard.wait()
    expect(page.locator("#banner .problem")).to_have_count(0)
    expect(page.locator("#connection")).not_to_have_text("Offline")
    assert {*complaints} <= {"Failed to load resource: net::ERR_CONNECTION_REFUSED"}
    complaints.clear()


def test_a_symbol_without_bars_says_what_to_do(page: Page) -> None:
    show(page, "NOBODY")
    expect(page.locator("#notice")).to_contain_text("No bars of NOBODY (1min) yet")
    expect(page.locator("#notice")).to_contain_text("is it written as in the list?")


def test_an_empty_chart_names_what_keeps_its_bars_away(page: Page, services: Services) -> None:
    show(page, "NOBODY")
    services.rest.stop()
    try:
        expect(page.locator("#banner .problem")).to_contain_text("mdstream api")
        expect(page.locator("#notice")).to_contain_text("What may keep them away is said above")
    finally:
        services.rest.start()
        services.rest.wait()
    expect(page.locator("#notice")).to_contain_text("is it written as in the list?")


def test_light_and_dark(page: Page) -> None:
    def background() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    show(page)
    expect(page.locator(_CANDLES).first).to_be_attached()
    dark = background()
    page.locator("#theme").click()
    until(lambda: background() != dark)
    light = background()
    until(lambda: page.evaluate("document.querySelector('.js-plotly-plot').layout.paper_bgcolor") == light)
    page.reload()
    expect(page.locator(_CANDLES).first).to_be_attached()
    assert background() == light


@pytest.mark.parametrize("viewport", [{"width": 360, "height": 740}])
def test_fits_a_phone(page: Page) -> None:
    show(page)
    expect(page.locator(_CANDLES).first).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    box = page.locator("#chart .main-svg").first.bounding_box()
    assert box is not None
    assert box["width"] > 330
    assert box["height"] > 300
    expect(page.locator("#watchlist .row").first).to_be_attached()


def test_without_a_key_there_is_nothing_to_see(browser: Browser, services: Services) -> None:
    context = browser.new_context(base_url=services.url)
    try:
        refused = context.request.get("/live?window=1min")
        assert refused.status == 401
        assert "quotes" not in refused.text()
    finally:
        context.close()
