"""The plain window of matplotlib, on a display that nobody sees."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.programs import next_event, running, serve
from tests.receivers.liveview.conftest import PATIENCE

pytest.importorskip("matplotlib")
pytest.importorskip("tkinter", reason="no tkinter here: apt-get install python3-tk")
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("Xvfb") is None, reason="no Xvfb here: apt-get install xvfb"),
    pytest.mark.skipif(sys.platform != "linux", reason="X is looked for on Linux only"),
]

SCREEN = (700, 1200)
CHANNELS = ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00))
"""Colours of the first two."""


class Display:
    """A display of X, and what is on it."""

    def __init__(self, name, folder):
        self.name = name
        self._file = folder / "Xvfb_screen0"

    def n_pixels(self, colour):
        """Of this red, green and blue. Xvfb keeps its picture as xwd does: header, colours, blue first."""
        content = self._file.read_bytes()
        header_size, n_colours = (int.from_bytes(content[at : at + 4], "big") for at in (0, 76))
        height, width = SCREEN
        pixels = np.frombuffer(content, np.uint8, 4 * height * width, header_size + 12 * n_colours)
        return int((pixels.reshape(-1, 4)[:, 2::-1] == colour).all(axis=1).sum())


@pytest.fixture
def display(tmp_path):
    size = f"{SCREEN[1]}x{SCREEN[0]}x24"
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", size, "-fbdir", str(tmp_path), "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        number = server.stdout.readline().strip()
        assert number.isdigit(), "Xvfb did not start"
        yield Display(f":{number}", tmp_path)
        server.terminate()


def test_the_window_shows_the_spectra_until_the_program_is_told_to_end(display, monkeypatch, eventually):
    monkeypatch.setenv("DISPLAY", display.name)
    monkeypatch.setenv("MPLBACKEND", "tkagg")
    options = ("--frames", 0, "--exposure", 0.01, "--sim", "channels=2", "--sim", "source=physics")
    with serve(*options) as sender:
        told = next_event(sender, "listening")
        stream, monitor = (told[name].rsplit(":", 1)[1] for name in ("data", "monitor"))
        ports = ("--stream-port", stream, "--monitor-port", monitor)
        with running("receivers.cli", "view", *ports, "--window", "--sum", "seconds:10") as window:
            for colour in CHANNELS:
                eventually(lambda colour=colour: display.n_pixels(colour) > 50, f"a curve of {colour}", 60)
            assert window.poll() is None
            window.send_signal(signal.SIGTERM)
            code = window.wait(PATIENCE)

    assert code == 128 + signal.SIGTERM
