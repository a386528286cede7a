"""Takes the pictures of the live view that the documentation shows, from a simulated detector.

pip install '.[hdf5,view]' playwright, and Chromium
python doc/take_screenshots.py
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
DETECTOR = "--library sim --sim channels=4 --sim clock=real --sim rate=150000,250000,90000,400000"
SESSION = "--exposure 0.05 --frames 700 --sessions 0 --allow-control"
WATCHED = 50.0
"""Seconds that the page is open before it is taken, so that there is some history on it."""
DESK = {"width": 1280, "height": 720}
PHONE = {"width": 390, "height": 844}
FE, CU = (622, 658), (785, 823)


@contextlib.contextmanager
def started(module: str, options: str) -> Iterator[subprocess.Popen[str]]:
    """One of our programs, ended with what is done with it."""
    command = [sys.executable, "-m", module, *options.split()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@contextlib.contextmanager
def live_view(folder: Path) -> Iterator[str]:
    """The address of a page that shows a detector whose frames are being written."""
    calibration = folder / "calibration.json"
    calibration.write_text('{"offset": 0, "gain": 0.01}')
    ports = "--interface 127.0.0.1 --port 0 --monitor-port 0 --json"
    with started("xspress3.cli", f"serve {DETECTOR} {SESSION} {ports} --write {folder}") as detector:
        told = json.loads(first_line(detector))
        port, monitor = (urlsplit(told[name]).port for name in ("data", "monitor"))
        stream = f"--stream-port {port} --monitor-port {monitor}"
        page = f"--port 0 --control serve --calibration {calibration}"
        with started("receivers.cli", f"view {stream} {page}") as view:
            found = re.search(r"http://\S+", first_line(view))
            assert found, "the live view did not start"
            yield found[0]


def open_page(
    browser: Browser, url: str, size: dict[str, int], scheme: str, settings: dict[str, object]
) -> Page:
    """The page with `settings`, as soon as it shows something."""
    context = browser.new_context(viewport=size, color_scheme=scheme, device_scale_factor=1)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#spectrum[data-sequence]")
    page.evaluate("values => liveView.settings.set(values)", settings)
    return page


def set_windows(page: Page) -> None:
    for channel in range(4):
        page.evaluate("channel => liveView.settings.set({active: channel})", channel)
        for window, (low, high) in enumerate((FE, CU)):
            page.evaluate("window => liveView.windows.write(...window)", [window, low, high])
    page.evaluate("liveView.settings.set({active: 0})")


def take(page: Page, name: str, *, is_whole: bool = False) -> None:
    page.evaluate("liveView.tell('')")
    page.keyboard.press("p")
    page.wait_for_timeout(500)  # the cursor is drawn with the next picture
    page.screenshot(path=IMAGES / name, full_page=is_whole)


def main() -> None:
    """Take all pictures."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("take_screenshots: no Chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, live_view(Path(folder)) as url, sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = driver.chromium.launch(executable_path=chromium, args=flags)
        desk = open_page(browser, url, DESK, "light", {"mode": "seconds:10", "elements": ["Fe", "Cu", "Zn"]})
        dark = open_page(browser, url, DESK, "dark", {"mode": "session", "elements": ["Fe"]})
        phone = open_page(browser, url, PHONE, "light", {"mode": "seconds:10"})
        set_windows(desk)
        time.sleep(WATCHED)
        take(desk, "live_view.png")
        dark.evaluate("liveView.chart.look(560, 960)")
        take(dark, "live_view_dark.png")
        take(phone, "live_view_phone.png")
        browser.close()


if __name__ == "__main__":
    main()
