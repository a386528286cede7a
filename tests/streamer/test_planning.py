"""How frames are put into blocks: pure arithmetic."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xspress3.model import Acquisition, TriggerMode
from xspress3.streamer.acquire import plan_block
from xspress3.streamer.session import choose_frames_per_block
from xspress3.testing import FakeDetector


@pytest.mark.parametrize(
    ("next_frame", "complete", "flush", "n_frames"),
    [
        (0, 0, False, 0),
        (0, 7, False, 0),
        (0, 7, True, 7),
        (0, 8, False, 8),
        (0, 100, False, 8),
        (7, 100, False, 1),  # after a block cut short, the next one ends where it would have
        (7, 7, True, 0),
    ],
)
def test_a_block_is_read_when_it_is_full_or_shall_be_flushed(next_frame, complete, flush, n_frames):
    assert plan_block(next_frame, complete, frames_per_block=8, flush=flush) == n_frames


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=50), st.sampled_from([1, 2, 8, 64]))
def test_blocks_follow_each_other_and_never_cross_a_chunk(steps, frames_per_block):
    next_frame, complete = 0, 0
    for arrived, flush in steps:
        complete += arrived
        while n_frames := plan_block(next_frame, complete, frames_per_block, flush):
            assert next_frame // frames_per_block == (next_frame + n_frames - 1) // frames_per_block
            next_frame += n_frames
        assert complete - next_frame < frames_per_block
        assert not (flush and next_frame < complete)


@pytest.mark.parametrize(
    ("period", "n_frames", "frames"),
    [
        (1.0, 100, 1),
        (0.1, 100, 1),
        (0.01, 100, 4),  # 50 ms hold 5 frames, the power of two below is 4
        (0.001, 1000, 32),  # 50 ms hold 50
        (0.0001, 1_000_000, 64),  # 64 frames of 64 KiB are 4 MiB
        (0.0001, 10, 8),  # not more than the session has
        (0.0001, 1, 1),
    ],
)
def test_blocks_are_short_for_slow_frames_and_bounded_for_fast_ones(period, n_frames, frames):
    acquisition = Acquisition(exposure_time=period, frames_per_trigger=n_frames)

    assert choose(acquisition) == frames


def test_blocks_are_at_most_half_of_the_detectors_ring():
    assert choose(Acquisition(exposure_time=0.0001, frames_per_trigger=1000), ring_frames=10) == 4


def test_frames_with_triggers_of_their_own_travel_alone():
    acquisition = Acquisition(exposure_time=0.0001, n_triggers=1000, trigger_mode=TriggerMode.SOFTWARE)

    assert choose(acquisition) == 1


def choose(acquisition, ring_frames=16384):
    info = replace(FakeDetector(n_channels=4, n_bins=4096).info, ring_frames=ring_frames)
    return choose_frames_per_block(acquisition, acquisition.exposure_time, info, 4 << 20, 0.05)
