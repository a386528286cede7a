"""Data taken by one call of a real device, written, and loaded again."""

from __future__ import annotations

import numpy as np
import pytest

from receivers.sessions.loader import load_session
from receivers.sessions.part import sessions_in
from receivers.sessions.status import load_session_status
from receivers.sessions.taking import stream_off, stream_on, take_data
from tests.tango_device.device.servers import wait_for
from xspress3.errors import StateError

tango = pytest.importorskip("tango")


def test_data_that_a_device_took_load_by_their_session_id(device, tmp_path):
    device.DestinationFileName = str(tmp_path / "scan_0001.h5")

    session_id = take_data(device, 0.05, exposure_time=0.005)

    [(stream_id, _)] = sessions_in(tmp_path / "scan_0001.h5")
    dataset = load_session(stream_id, session_id, tmp_path)
    assert dataset.sizes["frame"] == 10
    assert dataset.attrs["complete"] == 1
    assert np.asarray(dataset.histogram[3]).sum() > 0
    status = load_session_status(stream_id, session_id, tmp_path)
    assert status.acquisition["exposure_time"] == pytest.approx(0.005)
    assert (status.index.frames_written, status.is_from_index) == (10, False)


def test_a_device_streams_until_it_is_switched_off(device):
    device.WriteHdf5 = False

    begun = stream_on(device, exposure_time=0.002)
    wait_for(device, tango.DevState.RUNNING)

    assert stream_off(device) == begun
    assert device.state() == tango.DevState.STANDBY
    with pytest.raises(StateError, match="allowed in RUNNING"):
        stream_off(device)
