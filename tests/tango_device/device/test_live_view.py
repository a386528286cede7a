"""The live view writes windows to a real device, and tells what that says of its file."""

from __future__ import annotations

import json
import time

import pytest

tango = pytest.importorskip("tango")

from websockets.sync.client import connect  # noqa: E402

from receivers.liveview.control import TangoControl, Written  # noqa: E402
from receivers.liveview.feed import Feed  # noqa: E402
from receivers.liveview.model import LiveModel  # noqa: E402
from receivers.liveview.web import LiveServer  # noqa: E402
from tests.tango_device.device.servers import wait_for  # noqa: E402
from xspress3.errors import StateError  # noqa: E402
from xspress3.model import Window  # noqa: E402

PATIENCE = 20.0


def test_a_window_is_written_to_the_channels_that_were_named(server, device):
    control = TangoControl(server.url)

    text = control.set_window([1, 2], 1, Window(100, 200))

    assert "window 1 is 100..200" in text
    assert list(device.Window2_Ch1) == list(device.Window2_Ch2) == [100, 200]
    assert list(device.Window2_Ch0) != [100, 200]


def test_what_the_device_refuses_is_told_in_its_words(server, device):
    device.nFramesPerTrigger = 2
    device.Arm()

    with pytest.raises(StateError, match="STANDBY"):
        TangoControl(server.url).set_window([0], 0, Window(1, 2))


def test_a_device_that_is_away_is_named():
    control = TangoControl("tango://127.0.0.1:9/a/b/c#dbase=no")

    with pytest.raises(StateError, match="tango://"):
        control.set_window([0], 0, Window(1, 2))
    with pytest.raises(StateError, match="tango://"):
        control.written()


def test_a_page_is_told_how_far_the_file_is_and_writes_a_window(server, device, tmp_path):
    device.DestinationFileName = str(tmp_path / "scan.h5")
    control = TangoControl(server.url)
    with (
        Feed(LiveModel(), device.StreamEndpoint, device.MonitorEndpoint, ask_written=control.written) as feed,
        LiveServer(feed, control=control) as view,
        connect(view.address.replace("http", "ws") + "ws", max_size=None, compression=None) as page,
    ):
        until(page, lambda said: said.get("connection") == "joined")
        arm(device)
        device.SoftwareTrigger()
        wait_for(device, tango.DevState.STANDBY)
        status = until(page, lambda said: said.get("written") == 1)
        page.send(json.dumps({"type": "window", "channel": 0, "window": 0, "low": 5, "high": 6}))
        until(page, lambda said: said.get("type") == "done")

    assert status["file"] == str(tmp_path / "scan.h5")
    assert control.written() == Written(1, str(tmp_path / "scan.h5"))
    assert list(device.Window1_Ch0) == [5, 6]


def arm(device):
    """Arm as soon as the writer has started, which takes its time on a busy machine."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return device.Arm()
        except tango.DevFailed as error:
            if "writer" not in error.args[0].desc or time.monotonic() > deadline:
                raise


def until(page, condition):
    """The next text message of which `condition` holds."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        message = page.recv(timeout=PATIENCE)
        said = json.loads(message) if isinstance(message, str) else {}
        if condition(said):
            return said
    raise AssertionError("it never came")
