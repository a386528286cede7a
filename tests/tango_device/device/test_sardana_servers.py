"""The controllers in Sardana as it runs at a beamline: a database, pool, macro server and recorder."""

from __future__ import annotations

import importlib.util
import os
import queue
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from tango import Database, DbDevInfo, DeviceProxy, DevState, EventType

import tango_device.clients
from tango_device.demo import database
from tests.tango_device.device.servers import wait_for

pytest.importorskip("databaseds")
pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore"),  # not ours: what Taurus warns of
    pytest.mark.skipif(not importlib.util.find_spec("sardana"), reason="Sardana is not installed"),
]

START_TIME = 120.0
"""Sardana imports for some seconds, and for many more on a busy machine."""
MACRO_TIME = 60.0
DOOR = "door/test/1"
POOL_PATH = Path(tango_device.clients.__file__).parent / "sardana_pool"


@pytest.fixture
def sardana(tmp_path, monkeypatch):
    """A door of a Sardana server."""
    for name in ("TANGO_HOST", "PYTANGO_DATABASE_NAME"):  # the database sets them
        monkeypatch.setenv(name, "")
    with database(tmp_path) as host:
        register(Database(*host.split(":")), tmp_path)
        with (tmp_path / "sardana.log").open("w") as log:
            process = subprocess.Popen(
                [Path(sys.executable).parent / "Sardana", "test", "-ORBendPoint", "giop:tcp:127.0.0.1:0"],
                cwd=tmp_path,
                env={**os.environ, "TANGO_HOST": host},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                yield door(f"tango://{host}/{DOOR}", process, tmp_path / "sardana.log")
            finally:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def register(tango_database, folder):
    for class_name, name, properties in (
        ("Pool", "pool/test/1", {"PoolPath": [str(POOL_PATH)]}),
        (
            "MacroServer",
            "macroserver/test/1",
            {"PoolNames": ["pool/test/1"], "EnvironmentDb": [f"{folder}/env"]},
        ),
        ("Door", DOOR, {"MacroServerName": ["macroserver/test/1"]}),
    ):
        info = DbDevInfo()
        info.server, info._class, info.name = "Sardana/test", class_name, name
        tango_database.add_device(info)
        tango_database.put_device_property(name, properties)


def door(url, process, log):
    """The door, once it is open."""
    deadline = time.monotonic() + START_TIME
    while time.monotonic() < deadline and process.poll() is None:
        try:
            made = DeviceProxy(url)
            if made.state() == DevState.ON:
                return made
        except Exception:  # noqa: S110  # not registered, not exported, not answering: not yet
            pass
        time.sleep(0.2)  # a server that starts has nothing to wait on
    raise AssertionError(log.read_text())


@pytest.fixture
def spock(sardana):
    """Runs a macro, as one types it into Spock; gives what it prints."""
    from taurus.core.util.codecs import CodecFactory

    said = queue.SimpleQueue()
    token = sardana.subscribe_event("macrostatus", EventType.CHANGE_EVENT, said.put)

    def run(line):
        sardana.RunMacro(line.split())
        state = ""
        while state not in ("finish", "stop", "exception"):
            event = said.get(timeout=MACRO_TIME)
            if not event.err and event.attr_value.value[1]:
                for told in CodecFactory().decode(event.attr_value.value):
                    state = told["state"]
        assert state == "finish", (line, sardana.Error, sardana.Critical)
        wait_for(sardana, DevState.ON)
        return "\n".join(sardana.Output or ())

    yield run
    sardana.unsubscribe_event(token)


def test_a_scan_has_counts_and_spectra_in_the_file_of_sardana_and_in_ours(spock, server, device, tmp_path):
    device.Window1_Ch2 = [0, 4095]
    for line in (
        f"defctrl Xspress3CounterController xs TangoDevice {server.url}",
        f"defctrl Xspress3SpectrumController xs_mca TangoDevice {server.url}",
        "defelem timer xs 1",
        "defelem counts xs 2",
        "defelem spectrum xs_mca 3",
        "defctrl DummyMotorController motors",
        "defelem x motors 1",
        "defmeas group timer counts spectrum",
        "senv ActiveMntGrp group",
        f"senv ScanDir {tmp_path}",
        "senv ScanFile scan.h5",
    ):
        spock(line)
    counts = DeviceProxy(f"tango://{os.environ['TANGO_HOST']}/expchan/xs/2")
    counts.Channel, counts.Quantity = 2, "Window1"
    controller = DeviceProxy(f"tango://{os.environ['TANGO_HOST']}/controller/xspress3countercontroller/xs")
    controller.FileName = str(tmp_path / "spectra.h5")

    assert "[4096]" in spock("ct 0.05")
    spock("ascan x 0 1 3 0.05")

    wait_for(device, DevState.STANDBY)
    with h5py.File(tmp_path / "scan.h5") as file:
        measured = next(iter(file.values()))["measurement"]
        spectra, sums = measured["spectrum"][:], measured["counts"][:]
    with h5py.File(device.LastFile) as file:
        ours = file["/entry/instrument/xspress3/data"][:, 2]
    assert len(ours) == 4
    assert ours.sum() > 0
    np.testing.assert_array_equal(spectra, ours)
    np.testing.assert_array_equal(sums, ours.sum(axis=1))
