"""Sessions of simulated detectors that have rules of their own: a Mini, several cards, frame zero."""

from __future__ import annotations

import numpy as np
import pytest

from tests.streamer.conftest import frames_of, read_session
from xspress3 import sim
from xspress3.config import DetectorConfig, StreamerConfig
from xspress3.detector import Xspress3Detector
from xspress3.errors import AcquisitionError
from xspress3.model import Acquisition, TriggerMode
from xspress3.sim.control import SimControl
from xspress3.stream import Block, EndReason
from xspress3.streamer import Streamer


@pytest.fixture
def control():
    return SimControl(sim.library_path())


@pytest.fixture
def simulate(monkeypatch):
    """Streamers of simulated detectors with a ring of 64; keywords describe the detector."""
    opened = []

    def make(**description):
        described = {"source": "pattern", "clock": "demand", "channels": 2, **description}
        for name, value in sim.environment(**described).items():
            monkeypatch.setenv(name, value)
        library, n_cards = str(sim.library_path()), described.get("cards", 1)
        detector = Xspress3Detector.open(DetectorConfig(library=library, ring_frames=64, n_cards=n_cards))
        opened.append(detector)
        config = StreamerConfig(data_port=0, monitor_port=0, linger=0.5, stall_timeout=2.0)
        opened.append(Streamer(detector, config))
        return opened[-1]

    yield make
    for thing in reversed(opened):
        thing.close()


def acquire(n_frames, mode=TriggerMode.INTERNAL):
    count = {"n_triggers": n_frames} if mode.is_gated else {"frames_per_trigger": n_frames}
    return Acquisition(exposure_time=0.001, trigger_mode=mode, **count)


KINDS = [TriggerMode.INTERNAL, TriggerMode.SOFTWARE, TriggerMode.EXTERNAL_MULTI_GATE]


def check_blocks(messages):
    """Each frame holds its own number in every bin, on each channel."""
    for block in (m for m in messages if isinstance(m, Block)):
        frame = np.arange(block.first_frame, block.first_frame + block.n_frames)[:, None]
        assert (block["histogram"].decode()[:, :, 7] >> 16 == frame).all()


@pytest.mark.parametrize("cards", [1, 2])
def test_a_mini_gives_many_times_its_ring(simulate, join, cards):
    streamer = simulate(generation="mini", channels=2 * cards, cards=cards)
    reader = join(streamer)

    streamer.arm(acquire(1000))
    messages = read_session(reader)

    assert frames_of(messages) == list(range(1000))
    check_blocks(messages)
    assert (messages[-1].reason, messages[-1].lost) == (EndReason.COMPLETE, 0)


def test_sessions_of_a_mini_follow_each_other(simulate, join):
    streamer = simulate(generation="mini")
    reader = join(streamer)

    for n_frames in (100, 1, 65):
        session = streamer.arm(acquire(n_frames))
        messages = read_session(reader)
        session.wait(timeout=5)

        assert frames_of(messages) == list(range(n_frames))
        assert messages[-1].reason is EndReason.COMPLETE


def test_a_mini_stopped_in_mid_session_goes_on_with_the_next(simulate, join, control):
    streamer = simulate(generation="mini", clock="manual")
    reader = join(streamer)
    session = streamer.arm(Acquisition(exposure_time=0.001, is_endless=True))
    control.advance(40.5 * session.timing.period)  # 40 complete, of 64 that the ring holds
    streamer.stop()
    stopped = read_session(reader)
    session.wait(timeout=5)
    session = streamer.arm(acquire(30))
    control.advance(30 * session.timing.period)
    messages = read_session(reader)

    assert frames_of(stopped) == list(range(40))
    assert stopped[-1].reason is EndReason.STOPPED
    assert frames_of(messages) == list(range(30))


def test_a_mini_whose_ring_ran_over_fails_with_what_it_had(simulate, join, control):
    streamer = simulate(generation="mini", clock="manual")
    reader = join(streamer)
    session = streamer.arm(acquire(200))
    control.advance(199 * session.timing.period)  # nobody can have given anything back

    messages = read_session(reader)

    assert messages[-1].reason is EndReason.FAILED
    with pytest.raises(AcquisitionError, match="CIRCULAR_OVERRUN"):
        session.wait(timeout=5)


@pytest.mark.parametrize("cards", [2, 3])
@pytest.mark.parametrize("mode", KINDS)
def test_several_cards_give_whole_frames(simulate, join, control, cards, mode):
    streamer = simulate(cards=cards, channels=2 * cards)
    reader = join(streamer)

    streamer.arm(acquire(300, mode))
    if mode is TriggerMode.SOFTWARE:
        streamer.trigger()
    if mode.is_gated:
        control.gates(0.001, 0.001, 300)
    messages = read_session(reader)

    assert frames_of(messages) == list(range(300))
    check_blocks(messages)
    assert messages[-1].reason is EndReason.COMPLETE


def test_frames_started_by_frame_zero_are_a_session(simulate, join, control):
    streamer = simulate()
    reader = join(streamer)

    streamer.arm(acquire(64, TriggerMode.TTL_BOTH))  # as many as the ring holds
    control.ttl(0, 1)
    control.gates(0.001, 0.001, 1)
    control.ttl(0, 0)
    control.gates(0.001, 0.001, 63)
    messages = read_session(reader)

    assert frames_of(messages) == list(range(64))
    check_blocks(messages)


@pytest.mark.parametrize("n_after", [3, 20])
def test_numbers_started_again_in_mid_session_fail_it(simulate, join, control, eventually, n_after):
    streamer = simulate()
    reader = join(streamer)
    session = streamer.arm(acquire(60, TriggerMode.TTL_BOTH))
    control.gates(0.001, 0.001, 10)
    eventually(lambda: session.acquired == 10, "ten frames")

    control.ttl(0, 1)
    control.gates(0.001, 0.001, 1)
    control.ttl(0, 0)
    control.gates(0.001, 0.001, n_after - 1)
    messages = read_session(reader)

    assert messages[-1].reason is EndReason.FAILED
    assert frames_of(messages) == list(range(10))
    with pytest.raises(AcquisitionError, match=r"went back from 10 frames|the place of frame 0 was used"):
        session.wait(timeout=5)
