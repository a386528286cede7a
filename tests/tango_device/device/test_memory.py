"""What survives a restart, with a file and with a database."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import pytest
from tango import DevState

from tests.tango_device.device.servers import wait_for

ALL_BINS = [[0, 4095, 4096]]


@pytest.fixture
def restarts(start_server):
    """Starts the server, and each time it is left and entered again, starts it anew; with a file."""

    @contextmanager
    def run(**properties):
        server = start_server(**properties)
        yield server.proxy
        assert server.close() == 0

    return run


def test_windows_and_regions_survive_a_restart(restarts):
    with restarts() as proxy:
        assert proxy.Window1_Ch0.tolist() != [100, 200]
        untouched = proxy.Window2_Ch2.tolist()
        proxy.Window1_Ch0, proxy.Window2_Ch3 = [100, 200], [7, 7]
        proxy.Regions = [[100, 199, 50], [1000, 1099, 100]]

    with restarts() as proxy:
        assert proxy.Window1_Ch0.tolist() == [100, 200]
        assert proxy.Window2_Ch3.tolist() == [7, 7]
        assert proxy.Window2_Ch2.tolist() == untouched
        assert proxy.read_attribute("Window1_Ch0").w_value.tolist() == [100, 200]
        assert proxy.Regions.tolist() == [[100, 199, 50], [1000, 1099, 100]]
        proxy.Regions = ALL_BINS

    with restarts() as proxy:
        assert proxy.Regions.tolist() == ALL_BINS
        assert proxy.Window1_Ch0.tolist() == [100, 200]


def test_windows_that_came_back_are_those_that_count(restarts, tmp_path):
    with restarts() as proxy:
        proxy.Window1_Ch1 = [0, 4095]
        proxy.Window2_Ch1 = [300, 900]

    with restarts() as proxy:
        proxy.DestinationFileName = str(tmp_path / "x.h5")
        proxy.Arm()
        proxy.SoftwareTrigger()
        wait_for(proxy, DevState.STANDBY)
        counts = proxy.Window1Counts[1], proxy.Window2Counts[1]

    with h5py.File(tmp_path / "x.h5") as file:
        spectrum = file["/entry/instrument/xspress3/data"][0, 1]
    assert counts == (spectrum.sum(), spectrum[300:901].sum())


def test_a_server_that_is_killed_loses_none_of_what_was_written(start_server):
    server = start_server()
    server.proxy.Window1_Ch0 = [11, 22]

    server.kill()

    assert start_server().proxy.Window1_Ch0.tolist() == [11, 22]


def test_the_file_name_is_forgotten_unless_a_property_says_otherwise(restarts, tmp_path):
    name = str(tmp_path / 'a, "b" = 100%.h5')
    with restarts() as proxy:
        proxy.DestinationFileName = name
    with restarts() as proxy:
        assert proxy.DestinationFileName == ""


def test_the_file_name_is_kept_where_a_property_says_so_and_nothing_is_overwritten(restarts, tmp_path):
    name = tmp_path / 'a, "b" \\= 100% å.h5'

    def take(proxy):
        proxy.Arm()
        proxy.SoftwareTrigger()
        wait_for(proxy, DevState.STANDBY)

    with restarts(MemorizeFileName=True) as proxy:
        proxy.DestinationFileName = str(name)
        take(proxy)
    with restarts() as proxy:
        assert proxy.DestinationFileName == str(name)
        assert proxy.read_attribute("DestinationFileName").w_value == str(name)
        take(proxy)
        assert proxy.LastFile == str(name.with_name('a, "b" \\= 100% å_1.h5'))
        proxy.DestinationFileName = ""
    with restarts() as proxy:
        assert proxy.DestinationFileName == ""

    assert len(list(tmp_path.glob("*.h5"))) == 2


def test_texts_that_cannot_be_are_a_fault_that_names_them_and_are_left_as_they_are(start_server):
    server = start_server(Memorized='"Window1_Ch0=9000 3"')
    proxy = server.proxy
    assert proxy.state() == DevState.FAULT
    assert "9000" in proxy.status()

    proxy.ExposureTime = 0.5
    proxy.Init()

    wait_for(proxy, DevState.FAULT)
    server.close()
    assert "Window1_Ch0=9000 3" in server.file.read_text()


DATABASE = """
import sys
from pathlib import Path
import tango
from tango_device.demo import DEVICE, connect, database, device_server, register

folder = Path(sys.argv[1])
with database(folder):
    register(4)
    tango.Database().put_device_property(DEVICE, {"MemorizeFileName": ["true"]})
    with device_server(folder):
        proxy = connect()
        proxy.ExposureTime, proxy.TriggerMode = 0.25, "INTERNAL"
        proxy.Window2_Ch1, proxy.Regions = [5, 50], [[0, 99, 100]]
        proxy.DestinationFileName = str(folder / "\u00e5 b.h5")
    with device_server(folder):
        proxy = connect()
        print(proxy.ExposureTime, proxy.TriggerMode, proxy.Window2_Ch1.tolist(), proxy.Regions.tolist())
        print(proxy.DestinationFileName == str(folder / "\u00e5 b.h5"))
"""


@pytest.mark.timeout(120)
def test_a_database_keeps_them_too(tmp_path):
    """In a process of its own: Tango's client keeps what it knows of databases."""
    pytest.importorskip("databaseds")

    done = subprocess.run(
        [sys.executable, "-c", DATABASE, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["0.25 INTERNAL [5, 50] [[0, 99, 100]]", "True"]
