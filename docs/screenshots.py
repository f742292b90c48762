"""`python -m docs.screenshots FOLDER`: pictures of what runs, for README, pages, and whoever changes what they show.

Starts the demo, waits until its bars are current, and takes the dashboard on a desktop, light and dark, and on a phone,
the live table, and the pages' front page where `make docs` has built it. In the browser that tests use; needs what
`make setup-dev` installs, and Chromium.
"""

from __future__ import annotations

import argparse
import io
import shutil
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console

from bench.dashboard import SWITCHES
from mdstream.cli.demo import addresses_of, live_table
from mdstream.config import load_settings
from mdstream.demo import Demo, DemoOptions, Snapshot

_FRONT_PAGE = Path(__file__).parents[1] / "build" / "site" / "index.html"
_WINDOW = "1min"
_COLUMNS = 90

# Bars of now, the list of symbols and lines of indicators. No promise: one that is still open counts as true.
_DRAWN = """() => {
  const { candles, lines } = mdstream.chart.shown();
  const newest = candles.length > 100 ? candles.at(-1).start : 0;
  const known = Object.keys(lines).length > 0 && document.querySelectorAll("#watchlist .row").length > 1;
  return known && Date.now() - newest < 120000 && document.querySelector("#connection.live") !== null;
}"""
_PAINTED = "() => new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)))"
_DRAWN_MILLIS = 180_000

_RECENT = 6  # snapshots that rates are of
_CURRENT_MS = 1_000.0
_CURRENT_SECONDS = 600.0

Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Screen:
    """What a page is looked at with.

    Attributes:
        width: In pixels of the page.
        height: Likewise.
        theme: What its owner prefers.
        is_phone: Whether it is touched, and shows pages made for it.
    """

    width: int
    height: int
    theme: Theme = "light"
    is_phone: bool = False


_DESKTOP = Screen(1280, 800)
_SCREENS = {
    "dashboard": _DESKTOP,
    "dashboard-dark": Screen(1280, 800, "dark"),
    "dashboard-phone": Screen(390, 844, is_phone=True),
    "dashboard-phone-dark": Screen(390, 844, "dark", is_phone=True),
}


@contextmanager
def opened(browser: Browser, screen: Screen, *, offline: bool = False) -> Iterator[Page]:
    """A page as a screen shows it."""
    page = browser.new_page(
        viewport={"width": screen.width, "height": screen.height},
        color_scheme=screen.theme,
        is_mobile=screen.is_phone,
        has_touch=screen.is_phone,
        device_scale_factor=1,
        offline=offline,
    )
    yield page
    page.close()


def pictures_of_dashboard(browser: Browser, demo: Demo, folder: Path) -> None:
    """Take the dashboard on each screen, with bars of now."""
    for name, screen in _SCREENS.items():
        with opened(browser, screen) as page:
            page.goto(f"{demo.dashboard_url}/?symbol={demo.symbol}&window={_WINDOW}")
            page.wait_for_function(_DRAWN, timeout=_DRAWN_MILLIS)
            page.evaluate(f"({_PAINTED})()")
            page.screenshot(path=folder / f"{name}.png")


def picture_of_table(browser: Browser, recent: deque[Snapshot], demo: Demo, folder: Path) -> None:
    """Take what a terminal shows."""
    terminal = Console(width=_COLUMNS, record=True, file=io.StringIO())
    terminal.print(live_table(recent, addresses_of(demo), demo.feed_has_ended))
    # The drawing names a font of another site.
    with opened(browser, _DESKTOP, offline=True) as page:
        page.set_content(terminal.export_svg(title="make demo"))
        page.locator("svg").first.screenshot(path=folder / "live-table.png")


def picture_of_pages(browser: Browser, folder: Path) -> None:
    """Take the front page."""
    with opened(browser, _DESKTOP) as page:
        page.goto(_FRONT_PAGE.as_uri())
        page.screenshot(path=folder / "pages.png")


def watched(demo: Demo, seconds: float) -> deque[Snapshot]:
    """Watch the demo for a while from its first bar on, and until bars are current; return the newest snapshots.

    Raises:
        TimeoutError: Bars stay behind.
    """
    recent: deque[Snapshot] = deque(maxlen=_RECENT)
    first = None
    for snapshot in demo.watch():
        recent.append(snapshot)
        now = time.monotonic()
        if first is None and snapshot.bars:
            first = now
        if first is not None and now > first + seconds and snapshot.latency and snapshot.latency.p50 < _CURRENT_MS:
            break
        if first is not None and now > first + max(seconds, _CURRENT_SECONDS):
            raise TimeoutError(f"half of the bars come later than {_CURRENT_MS:g} ms: the machine has too much to do")
    return recent


def main(folder: Path, seconds: float) -> None:
    """Take all pictures.

    Raises:
        SystemExit: There is no Chromium.
    """
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("this machine has no Chromium, which takes the pictures; on Debian: apt-get install chromium")
    folder.mkdir(parents=True, exist_ok=True)
    said = Console(stderr=True)
    with sync_playwright() as playwright, Demo(DemoOptions(), load_settings(), said.print) as demo:
        recent = watched(demo, seconds)
        browser = playwright.chromium.launch(executable_path=program, args=SWITCHES)
        picture_of_table(browser, recent, demo, folder)
        pictures_of_dashboard(browser, demo, folder)
        if _FRONT_PAGE.is_file():
            picture_of_pages(browser, folder)
        browser.close()
    for picture in sorted(folder.glob("*.png")):
        said.print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB", highlight=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where pictures are written")
    parser.add_argument("--seconds", type=float, default=90, help="from the first bar to the pictures, at least")
    arguments = parser.parse_args()
    main(arguments.folder, arguments.seconds)
