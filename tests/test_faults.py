"""What goes wrong in the detector is announced: a failed session, or frames named as lost."""

from __future__ import annotations

import numpy as np
import pytest

from tests.streamer.conftest import frames_of, read_session
from xspress3 import sim
from xspress3.config import DetectorConfig, StreamerConfig
from xspress3.detector import Xspress3Detector
from xspress3.errors import AcquisitionTimeoutError, SdkError
from xspress3.model import Acquisition, TriggerMode
from xspress3.sdk import Roi
from xspress3.sim.control import SimControl
from xspress3.stream import Block, EndReason, Loss, Subscriber
from xspress3.streamer import Streamer


@pytest.fixture
def control():
    control = SimControl(sim.library_path())
    yield control
    control.fault("clear")


@pytest.fixture
def detector(monkeypatch, control):
    for name, value in sim.environment(source="pattern", clock="demand", channels=4).items():
        monkeypatch.setenv(name, value)
    with Xspress3Detector.open(DetectorConfig(library=str(sim.library_path()), ring_frames=64)) as detector:
        yield detector
        control.fault("clear")  # before the detector is closed, which needs its link


@pytest.fixture
def streamer(detector):
    config = StreamerConfig(data_port=0, monitor_port=0, linger=0.5, stall_timeout=0.2)
    streamer = Streamer(detector, config)
    yield streamer
    streamer.close()


@pytest.fixture
def reader(streamer):
    with Subscriber(streamer.data_endpoint) as reader:
        streamer.wait_readers(1, timeout=5)
        yield reader


def acquire(n_frames, mode=TriggerMode.INTERNAL):
    return Acquisition(exposure_time=0.001, frames_per_trigger=n_frames, trigger_mode=mode)


@pytest.mark.parametrize("mode", [TriggerMode.INTERNAL, TriggerMode.SOFTWARE])
def test_a_channel_that_is_stuck_fails_the_session(streamer, reader, control, mode):
    control.fault("stick 2 7")
    session = streamer.arm(acquire(20, mode))
    if mode is TriggerMode.SOFTWARE:
        streamer.trigger()

    messages = read_session(reader)

    assert frames_of(messages) == list(range(7))
    assert messages[-1].reason is EndReason.FAILED
    with pytest.raises(AcquisitionTimeoutError, match="after 7 frames"):
        session.wait(timeout=5)


@pytest.mark.parametrize(
    "fault",
    [
        "lose-link 10",
        "fail xsp3_histogram_read4d 2 -1 link lost",
        "fail xsp3_scaler_read 2 -1 link lost",
        "fail xsp3_histogram_circ_ack 2 -1 link lost",
        "fail xsp3_scaler_check_progress_details 3 -1 link \\xff\\xfe lost",
    ],
)
def test_a_call_that_fails_in_mid_session_ends_it_with_the_reason(streamer, reader, control, fault):
    control.fault(fault)
    session = streamer.arm(acquire(2000))

    messages = read_session(reader)

    assert messages[-1].reason is EndReason.FAILED
    assert frames_of(messages) == list(range(messages[-1].acquired))
    with pytest.raises(SdkError):
        session.wait(timeout=5)


@pytest.mark.parametrize("n_ahead", [64, 70, 500])
def test_frames_overtaken_while_they_were_read_are_lost_by_name_and_no_other_is_wrong(
    streamer, reader, control, n_ahead
):
    control.fault(f"race {n_ahead}")
    streamer.arm(acquire(2000))

    messages = read_session(reader)

    lost = [
        f for m in messages if isinstance(m, Loss) for f in range(m.first_frame, m.first_frame + m.n_frames)
    ]
    assert lost
    assert sorted(lost + frames_of(messages)) == list(range(2000))
    for block in messages:
        if isinstance(block, Block):
            frame = np.arange(block.first_frame, block.first_frame + block.n_frames)
            assert (block["histogram"].decode()[:, 3, 5] >> 16 == frame).all()


def test_dropped_packets_are_told_at_the_end(streamer, reader, control):
    control.fault("drop 1 3 2 200")
    streamer.arm(acquire(20))

    end = read_session(reader)[-1]

    assert (end.reason, end.acquired, end.lost) == (EndReason.COMPLETE, 20, 0)
    assert "2 frames lost network packets" in end.text


def test_a_trigger_after_one_that_failed_is_not_swallowed(detector, control):
    detector.arm(Acquisition(exposure_time=0.001, n_triggers=5, trigger_mode=TriggerMode.SOFTWARE))
    control.fault("fail xsp3_histogram_pause 1 -1 busy")
    with pytest.raises(SdkError, match="busy"):
        detector.trigger()

    detector.trigger()

    assert detector.frames_ready().complete == 2


def test_regions_that_were_set_in_part_are_taken_back(detector, control):
    control.fault("fail xsp3_set_roi 3 -1 boom")
    with pytest.raises(SdkError, match="boom"):
        detector.set_rois([Roi(0, 99, 100)])
    control.fault("clear")
    detector.arm(acquire(1))
    histogram, scalers = np.zeros((1, 4, 4096), "<u4"), np.zeros((1, 4, 9), "<u4")

    detector.read_into(0, histogram, scalers)

    assert detector.info.n_bins == 4096
    assert (histogram[0, :, 4095] & 0xFFF == 4095).all()
