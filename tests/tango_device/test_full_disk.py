"""Disks that are full, or become so: real ones, small, in memory; only root can make them."""

from __future__ import annotations

import os
import subprocess

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import pytest

from tango_device.controller import DeviceState
from xspress3.errors import SinkError

MIB = 1 << 20
DATA = "/entry/instrument/xspress3/data"


@pytest.fixture
def make_disk(tmp_path):
    """Disks of so many MiB, gone after the test."""
    made = []

    def make(n_mib):
        path = tmp_path / f"disk{len(made)}"
        path.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={n_mib}m", "xspress3-test", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no disk can be made here: {done.stderr.strip()}")
        made.append(path)
        return path

    yield make
    for path in made:
        subprocess.run(["umount", str(path)], check=True)


def fill(disk, n_left):
    """Leave so many bytes."""
    space = os.statvfs(disk)
    with (disk / "filler").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize - n_left)


def test_a_disk_that_is_nearly_full_makes_arming_fail_until_there_is_room(controller, make_disk):
    disk = make_disk(200)
    fill(disk, 100 * MIB)
    controller.set_file_name(str(disk / "x.h5"))

    with pytest.raises(SinkError, match=r"99 MiB are free|100 MiB are free"):
        controller.arm()

    assert controller.state is DeviceState.STANDBY
    assert [path.name for path in disk.iterdir()] == ["filler"]
    (disk / "filler").unlink()
    controller.arm()
    controller.software_trigger()
    assert controller.wait_idle(10)
    assert controller.state is DeviceState.STANDBY, controller.reason


def test_a_disk_that_becomes_full_is_a_fault_and_costs_no_frame_of_the_stream(
    controller, make_disk, eventually
):
    disk = make_disk(200)
    controller.set_file_name(str(disk / "x.h5"))
    controller.settings.frames_per_trigger = 1500
    session = controller.arm()
    controller.software_trigger()
    eventually(lambda: controller.frames_written > 100, timeout=20)

    fill(disk, 1 * MIB)

    assert controller.wait_idle(30)
    assert controller.state is DeviceState.FAULT
    assert "free" in controller.reason or "space" in controller.reason, controller.reason
    assert (session.acquired, session.streamed, session.lost) == (1500, 1500, 0)
    with h5py.File(disk / "x.h5") as file:
        assert len(file[DATA]) > 100
    controller.reset()
    assert controller.wait_open(20)
    assert controller.state is DeviceState.STANDBY
