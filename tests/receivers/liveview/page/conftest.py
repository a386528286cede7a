"""A real browser, and the programs that it looks at: a simulated detector and the live view's server."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.programs import next_event, running

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
]
"""A browser that runs as root, without a graphics card, and asks nobody but us."""
SIZE = {"width": 1280, "height": 720}
PATIENCE = 30.0
"""Seconds: the machine may be busy, and a browser is large."""
TURN = 0.02
"""Seconds between two looks at what is waited for."""
IS_NEWER = "before => Number(document.getElementById('spectrum').dataset.sequence ?? -1) > before"
CALIBRATION = '{"offset": 0, "gain": 0.01}'
"""Of the simulated detector, in keV."""


def free_port() -> int:
    """A port of loopback that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def simulated(port: int, monitor_port: int, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """`xspress3 serve` with four simulated channels that never ends, at these ports."""
    simulator = ("--library", "sim", "--sim", "channels=4", "--sim", "clock=real", "--sim", "rate=200000")
    ports = ("--port", port, "--monitor-port", monitor_port)
    options = ("--exposure", 0.05, "--frames", 0, *arguments)
    with running("xspress3.cli", "serve", "--json", *simulator, *ports, *options) as process:
        next_event(process, "listening")
        yield process


@contextlib.contextmanager
def view(port: int, monitor_port: int, *arguments: object) -> Iterator[str]:
    """`xspress3-receiver view` of that sender; gives the address of its page."""
    ports = ("--stream-port", port, "--monitor-port", monitor_port)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as calibration:
        calibration.write(CALIBRATION)
        calibration.flush()
        options = ("--calibration", calibration.name, *ports, *arguments)
        with running("receivers.cli", "view", *options) as process:
            assert process.stdout is not None
            said = process.stdout.readline()
            found = re.search(r"http://\S+", said)
            assert found, said + process.communicate()[1]
            yield found[0]


class Screen:
    """One page as a person has it: what is on it, and what its browser complains about."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait until `condition` holds; asked rarely, for each question takes time from the browser."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
            self.page.wait_for_timeout(1000 * TURN)

    @property
    def sequence(self) -> int:
        """Number of the update that is on the screen; -1 before the first."""
        return int(self.page.get_attribute("#spectrum", "data-sequence") or -1)

    def wait_drawn(self, n: int = 1) -> None:
        """Wait until something newer is on the screen; `n` above 1 waits so many times."""
        for _ in range(n):
            self.page.wait_for_function(IS_NEWER, arg=self.sequence, timeout=1000 * PATIENCE)

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector)).replace("\u202f", "")

    def fact(self, name: str) -> str:
        """A value of the bar at the top."""
        return self.text(f"[data-fact='{name}'] dd")

    def verdict(self) -> tuple[str, str]:
        return self.page.get_attribute("#verdict", "data-level"), self.text("#verdict")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def is_pressed(self, selector: str) -> bool:
        return self.page.get_attribute(selector, "aria-pressed") == "true"

    def place(self, bin_number: float) -> float:
        """Where a bin is in the chart, in pixels from the left edge of the page."""
        return float(
            self.page.evaluate(
                """bin => { const {chart} = liveView; return chart.plot.over.getBoundingClientRect().left
                + chart.plot.valToPos(chart.toAxis(bin), "x"); }""",
                bin_number,
            )
        )

    def middle(self) -> float:
        """Half the height of the chart, in pixels from the top of the page."""
        box = self.page.locator("#spectrum-plot .u-over").bounding_box()
        return float(box["y"] + box["height"] / 2)

    def drag(self, begin: float, end: float) -> None:
        """Drag with the mouse from one bin to the other."""
        mouse, height = self.page.mouse, self.middle()
        start, stop = self.place(begin), self.place(end)
        mouse.move(start, height)
        mouse.down()
        mouse.move((start + stop) / 2, height)
        mouse.move(stop, height)
        mouse.up()

    def shown(self) -> tuple[float, float]:
        """First and last bin that the chart shows."""
        found = self.page.evaluate("liveView.chart.shown")
        return found["low"], found["high"]

    def module(self, name: str, expression: str, argument: Any = None) -> Any:
        """What a function of one of the page's modules, `m` in the expression, gives for `argument`."""
        code = f"argument => import('/{name}.js').then(m => {expression})"
        return self.page.evaluate(code, argument)


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Chromium without a screen; tests are skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    driver = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install playwright")
    with driver.sync_playwright() as started:
        made = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


@contextlib.contextmanager
def pages(browser: Any) -> Iterator[Callable[..., Screen]]:
    """Opens an address in a browser that remembers nothing; no page may have raised an error at the end."""
    with contextlib.ExitStack() as stack:
        screens: list[Screen] = []

        def open_one(url: str, **options: Any) -> Screen:
            context = browser.new_context(**{"viewport": SIZE, "color_scheme": "light", **options})
            stack.callback(context.close)
            screen = Screen(context.new_page())
            screens.append(screen)
            screen.page.goto(url)
            return screen

        yield open_one
        assert [screen.complaints for screen in screens] == [[]] * len(screens)


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Screen]]:
    """Pages of one test."""
    with pages(browser) as open_one:
        yield open_one


@pytest.fixture(scope="package")
def address(browser: Any) -> Iterator[str]:
    """The page of a detector that acquires all the time; nobody writes, and windows are read only."""
    port, monitor_port = free_port(), free_port()
    with simulated(port, monitor_port), view(port, monitor_port, "--port", 0) as url:
        yield url


@pytest.fixture
def screen(address: str, open_page: Callable[..., Screen]) -> Screen:
    """The page with spectra on it."""
    opened = open_page(address)
    opened.wait_drawn()
    return opened


@pytest.fixture(scope="package")
def modules(browser: Any, address: str) -> Iterator[Screen]:
    """A page whose modules are asked, and that nobody touches."""
    with pages(browser) as open_one:
        yield open_one(address)
