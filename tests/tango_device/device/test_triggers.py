"""Every trigger mode through the device: the frames that were asked for, of the right length, in the file."""

from __future__ import annotations

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import numpy as np
import pytest
from tango import DevState

from receivers.hdf5.summary import read_summary
from tests.tango_device.device.servers import wait_for
from xspress3.model import TriggerMode

CLOCK_TICKS = "/entry/instrument/xspress3/clock_ticks"
EDGES = ["EXTERNAL_MULTI"]
GATES = ["EXTERNAL_MULTI_GATE", "TTL_BOTH", "LVDS_GATE", "LVDS_BOTH"]


def test_the_device_offers_each_mode_of_the_detector(device):
    assert list(device.TriggerModes) == [mode.name for mode in TriggerMode]
    assert {"INTERNAL", "SOFTWARE", *EDGES, *GATES} == set(device.TriggerModes)


@pytest.mark.parametrize("mode", EDGES + GATES)
def test_frames_of_a_mode_with_inputs_follow_its_triggers_and_stand_in_the_file(
    device, tmp_path, eventually, mode
):
    device.TriggerMode, device.nTriggers, device.ExposureTime = mode, 12, 0.004
    device.DestinationFileName = str(tmp_path / "x.h5")
    device.Arm()
    assert (device.state(), device.nFramesAcquired) == (DevState.RUNNING, 0)

    device.SimulateHardwareTriggers(5)
    eventually(lambda: device.nFramesAcquired >= 5, timeout=20)
    assert (device.state(), device.nFramesAcquired) == (DevState.RUNNING, 5)
    device.SimulateHardwareTriggers(7)
    wait_for(device, DevState.STANDBY)

    assert device.nFramesWritten == 12
    assert read_summary(tmp_path / "x.h5").is_complete
    with h5py.File(tmp_path / "x.h5") as file:
        seconds = file[CLOCK_TICKS][()] * 12.5e-9
    np.testing.assert_allclose(seconds, 0.004, rtol=0.01)


@pytest.mark.parametrize(("mode", "n_triggers", "n_frames"), [("INTERNAL", 1, 9), ("SOFTWARE", 1, 9)])
def test_frames_follow_one_call(device, take, tmp_path, mode, n_triggers, n_frames):
    take(
        TriggerMode=mode,
        nTriggers=n_triggers,
        nFramesPerTrigger=n_frames,
        DestinationFileName=str(tmp_path / "x.h5"),
    )

    assert device.nFramesWritten == n_frames
    assert read_summary(tmp_path / "x.h5").is_complete


def test_each_software_trigger_starts_one_frame(device, take, tmp_path):
    take(nTriggers=6, DestinationFileName=str(tmp_path / "x.h5"))

    assert device.nFramesWritten == 6


@pytest.mark.parametrize("mode", EDGES + GATES)
def test_a_software_trigger_while_inputs_are_waited_for_is_refused(device, mode):
    device.TriggerMode = mode
    device.Arm()

    with pytest.raises(Exception, match=f"armed for {mode}, allowed with SOFTWARE"):
        device.SoftwareTrigger()

    assert (device.state(), device.nFramesAcquired) == (DevState.RUNNING, 0)


@pytest.mark.parametrize("mode", EDGES + GATES)
def test_frames_of_a_mode_with_inputs_that_is_stopped_half_way_are_in_the_file(
    device, tmp_path, eventually, mode
):
    device.TriggerMode, device.nTriggers = mode, 100
    device.DestinationFileName = str(tmp_path / "x.h5")
    device.Arm()
    device.SimulateHardwareTriggers(4)
    eventually(lambda: device.nFramesAcquired == 4, timeout=20)

    device.Stop()
    wait_for(device, DevState.STANDBY)

    assert read_summary(tmp_path / "x.h5").as_dict()["end_reason"].startswith("stopped")
    with h5py.File(tmp_path / "x.h5") as file:
        assert len(file[CLOCK_TICKS]) == 4


def test_edges_count_with_an_inverted_veto_and_debouncing_too(device, take, eventually):
    device.InvertVeto, device.DebounceTicks = True, 40
    try:
        device.TriggerMode, device.nTriggers = "EXTERNAL_MULTI", 6
        device.Arm()
        device.SimulateHardwareTriggers(6)
        wait_for(device, DevState.STANDBY)
        assert device.nFramesAcquired == 6
    finally:
        device.InvertVeto, device.DebounceTicks = False, 0
