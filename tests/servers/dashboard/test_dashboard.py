"""The dashboard as people see it: Chromium, on the real API, WebSocket server, Kafka and database."""

from __future__ import annotations

import re
from datetime import UTC, datetime
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
    LONG,
    LONG_BARS,
    MINUTE,
    SECOND,
    SETTINGS,
    STORED_BARS,
    anomaly_at,
    forecast_of,
    indicators_of,
    minute_bar,
    send,
    store,
    store_half_a_day,
)
from tests.servers.dashboard.services import Services
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

expect.set_options(timeout=60_000)

MARGIN_MILLIS = 120_000
_SHOWN = "() => mdstream.chart.shown()"
# The chart moves when it is drawn.
_DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))"
_PAINTED = """color => {
  const [red, green, blue] = color.match(/\\d+/g).map(Number);
  return [...document.querySelectorAll("#chart canvas")].reduce((sum, canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < data.length; i += 4) {
      if (data[i] === red && data[i + 1] === green && data[i + 2] === blue && data[i + 3] === 255) sum += 1;
    }
    return sum;
  }, 0);
}"""
_COLOR = """name => {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(--${name})`;
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}"""


def show(page: Page, symbol: str = FIRST) -> None:
    page.goto(f"/?symbol={symbol}&window=1min")
    expect(page.locator("#connection")).not_to_have_text("")


def shown(page: Page) -> dict[str, Any]:
    """What the chart's library has drawn once all is drawn that was asked of it; see `shown` in assets/chart.js."""
    page.evaluate(_DRAWN)
    found: dict[str, Any] = page.evaluate(_SHOWN)
    return found


def candles(page: Page) -> int:
    return len(shown(page)["candles"])


def closes(page: Page) -> list[float]:
    return [candle["close"] for candle in shown(page)["candles"]]


def line(page: Page, column: str) -> dict[str, Any]:
    """One line of an indicator: its pane, its values bar by bar, its levels and its color."""
    found: dict[str, Any] = shown(page)["lines"].get(column, {"values": []})
    return found


def painted(page: Page, color: str) -> int:
    """How many pixels of the chart have a color of the stylesheet."""
    found: int = page.evaluate(_PAINTED, page.evaluate(_COLOR, color))
    return found


def millis(at: datetime) -> int:
    return round(at.timestamp() * 1_000)


def has_candles(page: Page) -> None:
    until(lambda: candles(page) > 0)


def test_candles_are_there_and_grow(page: Page, kafka: KafkaSettings) -> None:
    show(page)
    until(lambda: candles(page) == STORED_BARS)
    expect(page.locator("#quote")).to_contain_text("C 103.00")
    assert closes(page)[-3:] == [101.0, 102.0, 103.0]
    until(lambda: painted(page, "up") > STORED_BARS)

    send(kafka, BAR, minute_bar(LAST, 104.25, trade_count=12))
    expect(page.locator("#quote")).to_contain_text("C 104.25")
    expect(page.locator("#connection")).to_have_text("Live")
    # A revision that comes late again does not take the bar back, whatever the order.
    send(kafka, BAR, minute_bar(LAST, 99.0, trade_count=11), minute_bar(LAST + MINUTE, 105.5, trade_count=1))
    expect(page.locator("#quote")).to_contain_text("C 105.50")
    until(lambda: closes(page)[-2:] == [104.25, 105.5])
    assert candles(page) == STORED_BARS + 1
    expect(page).to_have_title(re.compile(rf"105\.50 {FIRST}"))
    expect(page.locator(f'[data-symbol="{FIRST}"] .last')).to_have_text("105.50")
    expect(page.locator("#figures")).to_contain_text(re.compile(r"p50 ?\d"))


def test_symbols_and_windows_are_picked(page: Page) -> None:
    show(page)
    page.locator(f'[data-symbol="{SECOND}"]').click()
    expect(page.locator("#quote .symbol")).to_have_text(SECOND)
    until(lambda: candles(page) == 5)
    page.get_by_text("5min", exact=True).click()
    until(lambda: candles(page) == 1)
    expect(page).to_have_url(re.compile(rf"symbol={SECOND}&window=5min"))

    page.reload()
    expect(page.locator("#quote .window")).to_have_text("5min")
    until(lambda: candles(page) == 1)

    page.locator("#symbol").click()
    page.get_by_role("option", name=FIRST).click()
    expect(page.locator("#quote .symbol")).to_have_text(FIRST)
    expect(page.locator("#notice")).to_contain_text(f"No bars of {FIRST} (5min) yet")
    expect(page.locator("#notice")).to_contain_text("There are some of another window")


def test_indicators_are_drawn_and_follow(page: Page, kafka: KafkaSettings) -> None:
    show(page)
    expect(page.locator("#chart")).to_contain_text("RSI 14")
    until(lambda: candles(page) >= STORED_BARS and 101.5 in line(page, "sma_20")["values"])
    drawn = shown(page)["lines"]
    assert {"sma_20", "bb_upper", "bb_lower", "rsi_14", "macd", "macd_signal", "macd_hist"} <= {*drawn}
    assert "ema_12" not in drawn
    assert drawn["sma_20"]["values"][:20] == [None] * 20
    assert set(drawn["sma_20"]["values"][20:STORED_BARS]) == {101.5}
    assert drawn["sma_20"]["pane"] == drawn["bb_upper"]["pane"] == 0
    assert drawn["rsi_14"]["pane"] not in (0, 1, drawn["macd"]["pane"])
    assert drawn["rsi_14"]["levels"] == [70, 30]
    # A color a line; the two limits of a band are one.
    colors = [drawn[column]["color"] for column in drawn if column != "bb_lower"]
    assert len(colors) == len({*colors})

    send(kafka, INDICATORS, indicators_of(LAST - MINUTE, rsi_14=71.25))
    until(lambda: 71.25 in line(page, "rsi_14")["values"])

    page.get_by_text("RSI", exact=True).click()
    page.get_by_text("EMA", exact=True).click()
    until(lambda: "ema_12" in shown(page)["lines"] and "rsi_14" not in shown(page)["lines"])
    page.reload()
    expect(page.locator("#chart")).to_contain_text("EMA 12")
    assert "rsi_14" not in shown(page)["lines"]


def test_an_anomaly_becomes_visible_and_its_words_stay_words(page: Page, kafka: KafkaSettings) -> None:
    show(page)
    expect(page.locator("#anomalies")).to_contain_text("stored before")
    until(lambda: len(shown(page)["marks"]) == 1)
    message = "<img src=x onerror=alert(1)> 11 % up"
    send(kafka, ANOMALY, anomaly_at(LAST - MINUTE, message))
    expect(page.locator("#anomalies .anomaly").first).to_contain_text(message)
    until(lambda: len(shown(page)["marks"]) == 2)
    assert shown(page)["marks"][-1] == {"start": millis(LAST - MINUTE), "color": page.evaluate(_COLOR, "critical")}

    # The next bar is of the same episode, and how quick servers are says nothing of a price.
    send(kafka, ANOMALY, anomaly_at(LAST, "late", rule="high_latency"), anomaly_at(LAST, "still up"))
    expect(page.locator("#anomalies")).to_contain_text("still up")
    expect(page.locator("#anomalies")).not_to_contain_text("late")
    assert len(shown(page)["marks"]) == 2

    # Pointed at, a mark says what was found.
    page.locator("#anomalies .anomaly", has_text=message).click()
    until(lambda: sum(shown(page)["range"]) / 2 == pytest.approx(millis(LAST - MINUTE), abs=MARGIN_MILLIS))
    box = page.locator("#chart").bounding_box()
    assert box is not None

    def says_it() -> bool:
        # Bars lie a few pixels apart: somewhere near the middle is the one.
        for offset in range(-60, 60, 3):
            page.mouse.move(box["x"] + (box["width"] - 66) / 2 + offset, box["y"] + 120)
            if message in page.locator("#chart .legends").inner_text():
                return True
        return False

    until(says_it)
    assert page.locator("img").count() == 0

    page.locator(f'[data-symbol="{SECOND}"]').click()
    expect(page.locator("#quote .symbol")).to_have_text(SECOND)
    page.locator("#anomalies .anomaly").first.click()
    expect(page.locator("#quote .symbol")).to_have_text(FIRST)
    until(lambda: candles(page) > 0 and shown(page)["range"][0] < millis(LAST) < shown(page)["range"][1])


def test_forecasts_stand_over_the_bars_they_are_of(page: Page, kafka: KafkaSettings, postgres: LocalPostgres) -> None:
    store(postgres.settings, PREDICTION, forecast_of(15, 50.5))
    show(page, SECOND)
    has_candles(page)
    until(lambda: [each["label"] for each in shown(page)["forecasts"]] == ["15 min"])
    send(kafka, PREDICTION, forecast_of(5, 50.25, beats_naive=True, relative_mae=0.97))
    until(lambda: [each["label"] for each in shown(page)["forecasts"]] == ["5 min", "15 min"])

    drawn, newest = shown(page)["forecasts"], shown(page)["candles"][-1]["start"]
    minute = MINUTE.total_seconds() * 1_000
    # The newest bar ends in a minute: five minutes behind that is the end of the fifth bar after it.
    assert [each["at"] - newest for each in drawn] == [5 * minute, 15 * minute]
    assert [each["logical"] - (candles(page) - 1) for each in drawn] == [5, 15]
    until(lambda: shown(page)["range"][1] - newest > 15 * minute)
    assert [(each["lower"], each["price"], each["upper"]) for each in drawn] == [
        (49.25, 50.25, 52.25),
        (49.5, 50.5, 52.5),
    ]
    # Grey is what was not better than the last price.
    assert [each["color"] for each in drawn] == [page.evaluate(_COLOR, "text"), page.evaluate(_COLOR, "weak")]
    nearest, later = (each["words"] for each in drawn)
    assert "50.25 (49.25 to 52.25), last price 50.00, relative MAE 0.9700, better than the last price" in nearest
    assert "relative MAE 1.0120, not better than the last price" in later


def test_zoom_is_kept_while_bars_come(page: Page, kafka: KafkaSettings) -> None:
    show(page)
    has_candles(page)
    followed = shown(page)["range"]

    def dragged_into_the_past() -> bool:
        # A drag that begins while the chart is being drawn moves nothing, and people drag again.
        page.mouse.move(500, 300)
        page.mouse.down()
        page.mouse.move(800, 300, steps=5)
        page.mouse.up()
        return bool(shown(page)["range"][1] < followed[1])

    until(dragged_into_the_past)
    expect(page.locator("#follow")).to_be_visible()
    panned = shown(page)["range"]
    send(kafka, BAR, minute_bar(LAST + MINUTE, 106.75, trade_count=20))
    expect(page.locator("#quote .last")).to_have_text("106.75")
    until(lambda: closes(page)[-1] == 106.75)
    assert shown(page)["range"] == panned
    page.locator("#follow").click()
    expect(page.locator("#follow")).to_be_hidden()
    until(lambda: shown(page)["range"][1] > panned[1])


def test_older_bars_are_loaded_and_the_place_is_kept(page: Page, postgres: LocalPostgres) -> None:
    store_half_a_day(postgres.settings)
    show(page, LONG)
    until(lambda: candles(page) == SETTINGS.serving.dashboard.history_bars)
    # Indicators that end bars ago are not told beside the newest price as if they were of it.
    # Behind midnight with the day.
    expect(page.locator("#chart .stale").first).to_contain_text(re.compile(r"SMA 20 ?50\.25 ?(\w+ \d+, )?\d\d:\d\d"))

    page.get_by_role("button", name="1D").click()
    until(lambda: candles(page) == LONG_BARS)
    until(lambda: shown(page)["range"][0] <= millis(LAST - MINUTE * (LONG_BARS - 1)))
    starts = [candle["start"] for candle in shown(page)["candles"]]
    assert starts == sorted(starts)
    expect(page.locator("#follow")).to_be_visible()

    page.locator("#chart").dblclick(position={"x": 300, "y": 150})
    expect(page.locator("#follow")).to_be_hidden()
    until(lambda: shown(page)["range"][1] > millis(LAST) > shown(page)["range"][0] > starts[LONG_BARS // 2])

    page.locator("#chart").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#follow")).to_be_visible()
    seen = shown(page)["range"]
    page.get_by_text("5min", exact=True).click()
    until(lambda: candles(page) == LONG_BARS // 5)
    until(lambda: abs(shown(page)["range"][1] - seen[1]) <= 2 * 5 * 60_000)
    page.go_back()
    expect(page.locator("#quote .window")).to_have_text("1min")


def test_delay_is_said(page: Page, kafka: KafkaSettings) -> None:
    show(page)
    counts = iter(range(100, 10_000))

    def says_delayed() -> bool:
        late = datetime.now(UTC) - MINUTE
        send(kafka, BAR, minute_bar(LAST, 50.0, SECOND, trade_count=next(counts), last_ingest_time=late))
        return page.locator("#connection").inner_text() in {"Delayed 60 s", "Delayed 61 s", "Delayed 62 s"}

    until(says_delayed)


def test_what_an_address_cannot_mean_is_said(page: Page, complaints: list[str]) -> None:
    page.goto(f"/?symbol={FIRST}&window=7min")
    has_candles(page)
    expect(page.locator('[data-problem="window"]')).to_contain_text("No window is called 7min: there are 1min")

    page.goto("/?symbol=%07A&window=1min")
    expect(page.locator("#notice")).to_contain_text("is no symbol")
    # Prices come all the same.
    expect(page.locator(f'[data-symbol="{FIRST}"]')).to_be_visible()
    expect(page.locator("#connection")).not_to_have_text("Offline")
    assert {*complaints} <= {
        "Failed to load resource: the server responded with a status of 422 (Unprocessable Entity)"
    }
    complaints.clear()


def test_database_gone_and_back(page: Page, kafka: KafkaSettings, postgres: LocalPostgres) -> None:
    show(page)
    has_candles(page)
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
    has_candles(page)
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
    has_candles(page)
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
    has_candles(page)
    dark = background()
    page.locator("#theme").click()
    until(lambda: background() != dark)
    light = background()
    until(lambda: page.evaluate("mdstream.chart.shown().background") == light)
    page.reload()
    has_candles(page)
    assert background() == light


@pytest.mark.parametrize("viewport", [{"width": 360, "height": 740}])
def test_fits_a_phone(page: Page) -> None:
    show(page)
    has_candles(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    box = page.locator("#chart table").first.bounding_box()
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


def test_a_symbol_is_found_by_what_is_typed(page: Page) -> None:
    show(page)
    has_candles(page)
    listed = page.locator("#watchlist .row .symbol")
    expect(listed.first).to_be_attached()
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type("ash.b")
    expect(listed).to_have_text([SECOND])
    page.keyboard.press("Enter")
    expect(page.locator("#quote .symbol")).to_have_text(SECOND)
    expect(page.locator("#find")).to_have_value("")
    expect(page.locator(f'[data-symbol="{FIRST}"]')).to_be_attached()

    page.locator("#find").fill("NOBODY.YET")
    expect(listed).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_contain_text("No bars of NOBODY.YET (1min) yet")


def test_many_symbols_are_listed_by_the_rows_that_are_seen(page: Page, kafka: KafkaSettings) -> None:
    show(page)
    many = [f"MANY.{place:04}" for place in range(1_000)]
    risen, traded = {"MANY.0700": 20.0}, {"MANY.0300": 7_250_000.0}
    rows = (
        minute_bar(LAST, risen.get(symbol, 10.0), symbol, open=10.0, volume=traded.get(symbol, 10.0)) for symbol in many
    )
    send(kafka, BAR, *rows)
    height = page.evaluate(
        "parseFloat(getComputedStyle(document.querySelector('.field-of-rows')).getPropertyValue('--row'))"
    )
    until(lambda: page.evaluate("document.querySelector('.field-of-rows').clientHeight") > height * len(many))
    listed = page.locator("#watchlist .row")
    assert listed.count() < 100
    page.evaluate("top => { document.querySelector('#watchlist').scrollTop = top; }", height * 600)
    expect(page.locator('[data-symbol="MANY.0600"]')).to_be_visible()
    expect(page.locator(f'[data-symbol="{FIRST}"]')).to_have_count(0)

    page.locator("#find").fill("many.")
    page.get_by_title("Most risen first").click()
    expect(page.locator('[data-symbol="MANY.0700"] .change')).to_have_text("+100.00 %")
    expect(page.locator('[data-symbol="MANY.0700"] .since')).to_have_text("+10.00")
    assert page.locator('[data-symbol="MANY.0700"]').evaluate("row => row.style.transform") == "translateY(0px)"
    page.get_by_title("Most traded first").click()
    expect(page.locator('[data-symbol="MANY.0300"] .volume')).to_have_text("7.3M")
    assert page.locator('[data-symbol="MANY.0300"]').evaluate("row => row.style.transform") == "translateY(0px)"


def test_who_moved_most_is_on_the_front_page(page: Page, kafka: KafkaSettings) -> None:
    show(page)
    has_candles(page)
    closes = {"MOVED.UP9": 1_900.0, "MOVED.UP2": 1_200.0, "MOVED.UP5": 1_500.0, "MOVED.UP1": 1_100.0}
    closes |= {"MOVED.DOWN": 1.0, "MOVED.NOT": 100.0}
    send(kafka, BAR, *(minute_bar(LAST, close, symbol, open=100.0) for symbol, close in closes.items()))
    risen, fallen = page.locator("#movers .up .mover:visible"), page.locator("#movers .down .mover:visible")
    expect(risen).to_have_text(["MOVED.UP9+1800.00 %", "MOVED.UP5+1400.00 %", "MOVED.UP2+1100.00 %"])
    expect(fallen.first).to_have_text("MOVED.DOWN−99.00 %")
    expect(page.locator("#movers")).not_to_contain_text("MOVED.NOT")
    fallen.first.click()
    expect(page.locator("#quote .symbol")).to_have_text("MOVED.DOWN")


def test_volume_and_change_of_a_session_count_what_was_stored_before(page: Page) -> None:
    show(page)
    has_candles(page)
    row = page.locator(f'[data-symbol="{SECOND}"]')
    # What is before the last quarter of an hour would come from bars of quarters, of which it has none.
    quarter = LAST.replace(minute=LAST.minute - LAST.minute % 15)
    volume = 300 * sum(LAST - MINUTE * place >= quarter for place in range(5))
    expect(row.locator(".volume")).to_have_text(f"{volume / 1_000:g}K" if volume >= 1_000 else f"{volume}")
    expect(row.locator(".change")).to_have_text("+1.01 %")
    expect(row.locator(".since")).to_have_text("+0.50")
