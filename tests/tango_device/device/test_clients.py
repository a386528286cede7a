"""Other people's clients as readers of every attribute: ophyd-async and Taurus, where they are installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.timeout(90),
    # Not ours: what these packages and their dependencies warn of.
    pytest.mark.filterwarnings("ignore"),
]


OPHYD_ASYNC = """
import asyncio, json, sys
from ophyd_async.core import SignalR
from ophyd_async.tango.core import TangoDevice

async def session():
    xs = TangoDevice(sys.argv[1], name="xs")
    await xs.connect()
    signals = {name: child for name, child in xs.children() if isinstance(child, SignalR)}
    values = {name: await signal.get_value() for name, signal in signals.items()}
    return values, await xs.ExposureTime.describe()

values, description = asyncio.run(session())
(described,) = description.values()
print(json.dumps({
    "names": sorted(values),
    "shape": values["LastFrame"].shape,
    "channels": int(values["nChannels"]),
    "units": described["units"],
}))
"""


def run_program(program, *arguments):
    """What a program, in a process of its own, tells in JSON on its last line."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=80,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_ophyd_async_reads_every_attribute(device, server):
    """In a process of its own: PyTango keeps the first event loop that it was used in."""
    pytest.importorskip("ophyd_async.tango.core")

    found = run_program(OPHYD_ASYNC, server.url)

    assert found["names"] == sorted(device.get_attribute_list())
    assert found["shape"] == [4, 4096]
    assert (found["channels"], found["units"]) == (4, "s")


TAURUS = """
import json, sys
from contextlib import ExitStack
from pathlib import Path
from tango_device.demo import DEVICE, connect, database, device_server, register

with ExitStack() as stack:
    folder = Path(sys.argv[1])
    host = stack.enter_context(database(folder))
    register(4)
    stack.enter_context(device_server(folder))
    proxy = connect()
    proxy.DestinationFileName = str(folder / "x.h5")
    proxy.Arm()
    proxy.SoftwareTrigger()
    while proxy.state().name == "RUNNING":
        pass
    import taurus
    names = list(proxy.get_attribute_list())
    read = {name: taurus.Attribute(f"tango://{host}/{DEVICE}/{name}").read() for name in names}
    print(json.dumps({name: [str(value.rvalue), value.quality.name] for name, value in read.items()}))
"""


def test_taurus_reads_every_attribute_of_a_device_in_a_database(tmp_path):
    """In a process of its own: Taurus needs a database, and keeps what it has found."""
    pytest.importorskip("taurus")
    pytest.importorskip("databaseds")

    values = run_program(TAURUS, tmp_path)

    assert len(values) > 80
    assert {quality for _, quality in values.values()} <= {"ATTR_VALID", "ATTR_WARNING", "ATTR_ALARM"}
    assert values["ExposureTime"][0] == "0.1 s"
    assert values["nFramesWritten"][0].startswith("1")
    assert values["nFramesLost"][0].startswith("0")
