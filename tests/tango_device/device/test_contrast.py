"""contrast's own detector class, unmodified, where contrast is installed (`PYTHONPATH=.../contrast`).

`test_scans` does the same calls for those who have no contrast.
"""

from __future__ import annotations

import time

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import pytest
from tango import DevState

from tests.tango_device.device.servers import wait_for

contrast = pytest.importorskip("contrast.detectors.Xspress3", reason="contrast is not installed")

if not hasattr(contrast.Xspress3, "arm"):
    pytest.skip("this contrast, as on PyPI, is from before the streamer", allow_module_level=True)

DATA = "/entry/instrument/xspress3/data"


@pytest.fixture
def detector(device, server, tmp_path, monkeypatch):
    monkeypatch.setattr(contrast.env.paths, "directory", str(tmp_path), raising=False)
    return contrast.Xspress3(device=server.url, name="xs")


def scan(detector, n_points, dataid=1, fire=lambda: None):
    """What a scan of contrast calls; gives the link that its recorder would make."""
    detector.prepare(0.01, dataid, n_points)
    for _ in range(n_points):
        detector.arm()
        detector.start()
        fire()
        deadline = time.monotonic() + 10
        while detector.busy():
            assert time.monotonic() < deadline
            time.sleep(0.005)
    return detector.read()


def n_frames(link):
    with h5py.File(link.filename) as file:
        return len(file[DATA])


def test_a_step_scan_makes_one_file_with_a_frame_for_each_point(detector, device):
    link = scan(detector, 5)
    wait_for(device, DevState.STANDBY)

    assert n_frames(link) == 5


def test_scans_follow_one_another_at_once(detector, device):
    links = [scan(detector, 1, dataid) for dataid in range(10)]
    wait_for(device, DevState.STANDBY)

    assert [n_frames(link) for link in links] == [1] * 10


def test_bursts_of_a_scan_stand_in_the_one_file_that_is_linked(detector, device):
    detector.burst_n = 6
    link = scan(detector, 4)
    wait_for(device, DevState.STANDBY)

    assert n_frames(link) == 24


def test_lines_started_by_hardware(detector, device):
    detector.hw_trig, detector.hw_trig_n = True, 10
    link = scan(detector, 3, fire=lambda: device.SimulateHardwareTriggers(10))
    wait_for(device, DevState.STANDBY)

    assert n_frames(link) == 30


def test_counting_without_a_data_number_makes_no_file(detector, device, tmp_path):
    assert scan(detector, 1, dataid=None) is None
    wait_for(device, DevState.STANDBY)

    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_scan_can_be_followed_by_another(detector, device):
    detector.prepare(1.0, 1, 5)
    detector.arm()
    detector.start()
    detector.stop()
    assert not detector.busy()

    assert n_frames(detector.read()) == 0
    link = scan(detector, 1, 2)
    wait_for(device, DevState.STANDBY)
    assert n_frames(link) == 1


def test_bursts_and_hardware_triggers_together_are_refused_before_anything_changed(detector, device):
    detector.hw_trig, detector.hw_trig_n, detector.burst_n = True, 3, 2
    detector.prepare(0.01, 1, 1)
    with pytest.raises(Exception, match="ConfigurationError"):
        detector.arm()
    assert not detector.busy()
