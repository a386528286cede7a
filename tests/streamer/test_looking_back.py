"""Frames and scalers that were taken, seen again."""

from __future__ import annotations

import numpy as np
import pytest

from xspress3.errors import CircularBufferOverrunError, ConfigurationError, StateError
from xspress3.model import Acquisition
from xspress3.streamer.history import ScalerHistory
from xspress3.testing.fake_detector import fake_frames

ACQUISITION = Acquisition(exposure_time=0.001, frames_per_trigger=8)


def numbered(first, n_frames):
    """Scalers (frame, 2, 9) that hold the number of their frame."""
    return np.broadcast_to(np.arange(first, first + n_frames, dtype="<u4")[:, None, None], (n_frames, 2, 9))


def test_scalers_of_every_frame_come_back():
    history = ScalerHistory()
    history.begin(1, 2)

    for first in range(0, 5000, 50):
        history.offer(first, numbered(first, 50))

    is_there, scalers = history.get(10, 4000)
    assert is_there.all()
    assert np.array_equal(scalers, numbered(10, 4000))


def test_old_frames_are_forgotten_and_told_as_not_there():
    history = ScalerHistory(max_bytes=100 * 2 * 9 * 4)
    history.begin(1, 2)

    for first in range(0, 260, 26):
        history.offer(first, numbered(first, 26))

    is_there, scalers = history.get(150, 20)
    assert list(is_there) == [frame >= 160 for frame in range(150, 170)]
    assert scalers[10:, 0, 0].tolist() == list(range(160, 170))
    assert not history.get(260, 1)[0].any()


def test_frames_that_were_lost_and_those_of_another_session_are_not_there():
    history = ScalerHistory()
    history.begin(1, 2)
    history.offer(0, numbered(0, 4))
    history.begin(2, 2)
    history.offer(8, numbered(8, 4))

    assert list(history.get(0, 12)[0]) == [frame >= 8 for frame in range(12)]


def test_counts_of_the_session_before_are_gone_when_the_next_one_is_armed(streamer, detector):
    streamer.arm(ACQUISITION)
    detector.finish(8)
    streamer.wait(5)

    session = streamer.arm(ACQUISITION)

    assert streamer.history.session_id == session.session_id
    assert streamer.history.end == 0
    streamer.stop()


@pytest.fixture
def taken(streamer, detector):
    streamer.arm(ACQUISITION)
    detector.finish(8)
    streamer.wait(5)
    return streamer


def test_frames_of_the_last_session_can_be_read_again(taken, detector):
    histogram, scalers = taken.read_frames(2, 3)

    truth = fake_frames(2, 3, detector.info.n_channels, detector.info.n_bins, detector.ticks)
    assert np.array_equal(histogram, truth[0])
    assert np.array_equal(scalers, truth[1])


@pytest.mark.parametrize(("first", "n_frames"), [(-1, 2), (0, 9), (8, 1), (3, 0)])
def test_frames_that_were_not_taken_are_refused(taken, first, n_frames):
    with pytest.raises(ConfigurationError, match=r"allowed is 0\.\.7"):
        taken.read_frames(first, n_frames)


def test_frames_that_were_overwritten_are_told_as_such(taken, detector):
    detector.overwrite(4)

    with pytest.raises(CircularBufferOverrunError):
        taken.read_frames(2, 3)


def test_a_closed_streamer_reads_nothing(taken):
    taken.close()

    with pytest.raises(StateError, match="closed"):
        taken.read_frames(0, 1)
