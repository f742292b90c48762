"""`python -m docs.screenshots`: pictures for README and pages, taken from a running demo and the built pages.

The dashboard on a desktop, light and dark, and on a phone; the demo's live table; the pages' front page, where
`make docs` has built them. Needs what `make setup-dev` installs, and Chromium.
"""

from __future__ import annotations

import argparse
import io
import shutil
import time
from collections import deque
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from rich.console import Console

from mdstream.cli.demo import addresses_of, live_table
from mdstream.config import load_settings
from mdstream.demo import Demo, DemoOptions, Snapshot

_FOLDER = Path(__file__).parent / "screenshots"
_FRONT_PAGE = Path(__file__).parents[1] / "build" / "site" / "index.html"
_DESKTOP, _PHONE = (1280, 800), (390, 844)
_SWITCHES = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_DRAWN = "() => mdstream.chart.shown().candles.length > 100 && document.querySelector('#connection.live')"
_RECENT = 6
_COLUMNS = 100


def picture(
    browser: Browser, address: str, name: str, size: tuple[int, int], *, dark: bool = False, drawn: str = ""
) -> None:
    """Take a picture of a page, of a size and in a theme, once something is drawn."""
    width, height = size
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", device_scale_factor=1
    )
    page.goto(address)
    if drawn:
        page.wait_for_function(drawn, timeout=120_000)
    page.wait_for_timeout(2_000)
    page.screenshot(path=_FOLDER / f"{name}.png")
    page.close()
    print(_FOLDER / f"{name}.png")


def pictures_of_dashboard(browser: Browser, url: str, symbol: str) -> None:
    """Take the dashboard's pictures."""
    address = f"{url}/?symbol={symbol}&window=1min"
    picture(browser, address, "dashboard", _DESKTOP, drawn=_DRAWN)
    picture(browser, address, "dashboard-dark", _DESKTOP, dark=True, drawn=_DRAWN)
    picture(browser, address, "dashboard-phone", _PHONE, dark=True, drawn=_DRAWN)


def picture_of_table(browser: Browser, recent: deque[Snapshot], demo: Demo) -> None:
    """Take a picture of what a terminal shows."""
    console = Console(width=_COLUMNS, record=True, file=io.StringIO())
    console.print(live_table(recent, addresses_of(demo), demo.feed_has_ended))
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_content(console.export_svg(title="make demo"))
    page.locator("svg").first.screenshot(path=_FOLDER / "live-table.png")
    page.close()
    print(_FOLDER / "live-table.png")


def main(seconds: float) -> None:
    """Run the demo until it is warm, and take all pictures."""
    _FOLDER.mkdir(exist_ok=True)
    recent: deque[Snapshot] = deque(maxlen=_RECENT)
    with sync_playwright() as playwright, Demo(DemoOptions(), load_settings(), print) as demo:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_SWITCHES)
        end = 0.0
        for snapshot in demo.watch():
            recent.append(snapshot)
            end = end or (time.monotonic() + seconds if snapshot.latency else 0.0)
            if end and time.monotonic() > end:
                break
        picture_of_table(browser, recent, demo)
        if demo.dashboard_url:
            pictures_of_dashboard(browser, demo.dashboard_url, demo.symbol)
        if _FRONT_PAGE.is_file():
            picture(browser, _FRONT_PAGE.as_uri(), "pages", _DESKTOP)
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=90, help="from the first bar to the pictures")
    main(parser.parse_args().seconds)
