"""A window that is dragged on the page goes through a real Tango device to the detector."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

tango = pytest.importorskip("tango")

from tests.receivers.liveview.page.conftest import Screen, free_port, view  # noqa: E402
from tests.tango_device.device.servers import Server, wait_for  # noqa: E402

pytestmark = pytest.mark.timeout(180)
IRON = (625, 655)
N_FRAMES = 20


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> None:
    """Not looked at here: Tango's client keeps connections and threads for the life of the process."""


@pytest.fixture
def ports() -> tuple[int, int]:
    """Of the stream, and of its state."""
    return free_port(), free_port()


@pytest.fixture
def server(tmp_path, ports) -> Iterator[Server]:
    """A device server without a database; its stream is where a view finds it."""
    made = Server(tmp_path, StreamerPort=ports[0], MonitorPort=ports[1])
    yield made
    made.close()


def take(server: Server, screen: Screen) -> None:
    """One session, until the page shows its last frame and the device is at rest."""
    server.proxy.Arm()
    wait_for(server.proxy, tango.DevState.STANDBY)
    session = str(server.proxy.SessionId)
    screen.wait(lambda: screen.fact("session") == session, "the session")
    screen.wait(lambda: screen.page.evaluate("liveView.spectra.update?.frame") == N_FRAMES - 1, "its end")


def in_force(screen: Screen) -> list[int]:
    """Limits with which the detector counted window 0 of channel 0."""
    return screen.page.evaluate("Array.from(liveView.spectra.update.arrays.limits.values.slice(0, 2))")


def test_a_window_that_is_drawn_is_that_of_the_device_and_what_its_detector_counts(
    server, ports, open_page, tmp_path
):
    device = server.proxy
    wait_for(device, tango.DevState.STANDBY)
    settings = {"TriggerMode": "INTERNAL", "ExposureTime": 0.01, "nFramesPerTrigger": N_FRAMES}
    for name, value in {**settings, "DestinationFileName": str(tmp_path / "scan.h5")}.items():
        setattr(device, name, value)
    with view(*ports, "--port", 0, "--control", server.url) as url:
        screen = open_page(url)
        screen.wait(lambda: screen.verdict() == ("idle", "Idle"), "that the device is at rest")
        take(server, screen)
        screen.wait(lambda: screen.fact("written") == str(N_FRAMES), "all frames in the file")

        screen.page.keyboard.down("Shift")
        screen.drag(*IRON)
        screen.page.keyboard.up("Shift")

        screen.wait(lambda: screen.page.get_attribute("#notice", "data-kind") == "done", "an answer")
        low, high = device.Window1_Ch0
        assert (low, high) == (pytest.approx(IRON[0], abs=5), pytest.approx(IRON[1], abs=5))
        screen.wait(
            lambda: screen.page.evaluate("liveView.hello.windows[0][0]") == [low, high], "it on the page"
        )
        device.DestinationFileName = str(tmp_path / "next.h5")
        take(server, screen)
        screen.wait(lambda: in_force(screen) == [low, high], "counts in the new window")
        screen.wait(lambda: screen.fact("file") == "next.h5", "the file of the new session")
