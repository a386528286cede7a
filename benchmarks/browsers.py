"""The live view in real browsers, from the frame that is read to the picture that is drawn.

Chromium without a screen or a graphics card paints with the processors that streamer and server
need, too: five of them on two cores tell what the server costs then, not how fast a page can be.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil

from benchmarks.rows import Row, Wanted

__all__ = ["browser_rows", "can_browse"]

WARM_TIME = 4.0
PATIENCE = 60.0
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
COUNT = """() => {
  const {handlers} = liveView.connection;
  const drawn = handlers.drawn;
  globalThis.ages = [];
  handlers.drawn = update => {
    if (update.kind === "spectra") ages.push(update.drawnAt - update.time);
    drawn(update);
  };
}"""
"""From now on the page keeps the age of each picture, in s, when it was drawn."""


@dataclass(frozen=True)
class Seen:
    """Pictures a second of the slowest page, their median age in s, and the share of a core of the server."""

    rate: float
    age: float
    share: float


def can_browse() -> bool:
    """Whether Chromium and what drives it are there."""
    try:
        import playwright.sync_api  # noqa: F401, PLC0415  # not needed by others
    except ImportError:
        return False
    return _chromium() is not None


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")


def browser_rows(process: psutil.Process, address: str, what: str, seconds: float, n_many: int) -> list[Row]:
    """One browser, then `n_many`, that look at the server `process` at `address`."""
    with _browser() as browser:
        one, many = (_watch(browser, process, address, n_pages, seconds) for n_pages in (1, n_many))
    all_of_them = f"{n_many} browsers, {what}"
    return [
        Row(f"1 browser, {what}: read to drawn, median", one.age * 1e3, "ms", wanted=Wanted(most=150)),
        Row(f"1 browser, {what}: pictures", one.rate, "1/s", wanted=Wanted(least=9)),
        Row(
            f"{all_of_them}: one core of the server",
            many.share * 100,
            "%",
            wanted=Wanted(most=25),
        ),
        Row(f"{all_of_them}: pictures of the slowest", many.rate, "1/s"),
        Row(f"{all_of_them}: read to drawn, median", many.age * 1e3, "ms"),
    ]


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # not needed by others

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=_chromium(), args=FLAGS)
        yield browser
        browser.close()


def _watch(browser: Any, process: psutil.Process, address: str, n_pages: int, seconds: float) -> Seen:
    contexts = [browser.new_context(viewport={"width": 1280, "height": 720}) for _ in range(n_pages)]
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.goto(address)
        page.wait_for_selector("#spectrum[data-sequence]", timeout=PATIENCE * 1000)
    time.sleep(WARM_TIME)  # they get what has gathered
    for page in pages:
        page.evaluate(COUNT)
    began, before = time.monotonic(), process.cpu_times()
    time.sleep(seconds)  # what is measured
    elapsed, after = time.monotonic() - began, process.cpu_times()
    ages = [page.evaluate("ages") for page in pages]
    for context in contexts:
        context.close()
    used = after.user + after.system - before.user - before.system
    median = float(np.median(np.concatenate(ages))) if any(ages) else float("nan")
    return Seen(min(map(len, ages)) / elapsed, median, used / elapsed)
