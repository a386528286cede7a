"""Sums are those of exactly the frames that they say, against sums by hand."""

from __future__ import annotations

import numpy as np
import pytest

from receivers.liveview.sums import Frames, Mode, ModeKind, RollingSum, sum_of
from xspress3.errors import ConfigurationError


@pytest.mark.parametrize(
    "words", ["latest", "session", "frames:1", "frames:1000000", "seconds:0.5", "seconds:3600"]
)
def test_a_mode_is_what_its_words_say(words):
    assert str(Mode.parse(words)) == words


@pytest.mark.parametrize(
    "words",
    [
        "",
        "all",
        "frames",
        "frames:0",
        "frames:1.5",
        "frames:1000001",
        "seconds:0",
        "seconds:3601",
        "seconds:-1",
        "frames:\u0661",
        "latest:1",
        "frames:1e3",
        "seconds:nan",
    ],
)
def test_other_words_are_refused_and_the_allowed_ones_named(words):
    with pytest.raises(ConfigurationError, match="allowed are 'latest'"):
        Mode.parse(words)


def test_a_sum_is_that_of_each_bin(frames, geometry):
    total = sum_of(frames(0, 3), geometry)

    # Channel 1, bin 5: 15, 16 and 17.
    assert total.n_frames == 3
    assert total.histogram[1, 5] == 48
    assert total.scalers[0].tolist() == [3000, 0, 0, 60, 54, 3, 21, 0, 3000]


def test_counts_and_scalers_go_beyond_32_bits(frames, geometry):
    one = frames(0)
    full = Frames(np.full_like(one.histogram, 2**32 - 1), np.full_like(one.scalers, 2**32 - 1), 0, 0.0)

    total = sum_of(full, geometry) + sum_of(full, geometry)

    assert total.histogram.max() == 2 * (2**32 - 1)
    assert total.scalers.max() == 2 * (2**32 - 1)


def test_rates_are_those_of_the_summed_scalers(frames, geometry):
    input_rate, output_rate, dead_time, correction = sum_of(frames(0, 4), geometry).rates(geometry)

    # 20 events lose 5 ticks each in channel 0 and 10 in channel 1, of 1000 ticks of 1 us.
    np.testing.assert_allclose(dead_time, [0.1, 0.2])
    np.testing.assert_allclose(input_rate, [20 / 0.9e-3, 20 / 0.8e-3])
    np.testing.assert_allclose(output_rate, [18 / 1e-3] * 2)
    np.testing.assert_allclose(correction, [1 / 0.9, 1 / 0.8])


def test_windows_are_corrected_frame_by_frame(frames, geometry):
    total = sum_of(frames(1, 2), geometry)

    np.testing.assert_allclose(total.windows[0], [1 + 2] * 2)
    np.testing.assert_allclose(total.windows[1], [14] * 2)
    np.testing.assert_allclose(total.windows[2], [3 / 0.9, 3 / 0.8])


def test_without_live_time_rates_are_not_a_number(frames, geometry):
    dead = frames(0)
    dead.scalers[0, 0, 1] = 1000  # reset ticks

    total = sum_of(dead, geometry)

    assert np.isnan(total.windows[2, 0])
    assert np.isnan(total.rates(geometry)[0, 0])
    assert total.windows[1, 0] == 7


@pytest.mark.parametrize("block", [1, 3, 7, 64])
@pytest.mark.parametrize("limit", [1, 5, 16, 100])
def test_a_sum_of_the_last_frames_has_at_least_so_many_and_a_sixteenth_more_at_most(
    frames, geometry, block, limit
):
    rolling = RollingSum(Mode(ModeKind.FRAMES, limit), geometry)
    for first in range(0, 4 * block * limit, block):
        added = frames(first, block)
        rolling.add(added, sum_of(added, geometry), first)
        end = first + block
        n_frames = rolling.total.n_frames

        assert min(limit, end) <= n_frames < limit + max(1, -(-limit // 16)) + (limit > 16)
        expected = sum_of(frames(end - n_frames, n_frames), geometry)
        np.testing.assert_array_equal(rolling.total.histogram, expected.histogram)
        np.testing.assert_array_equal(rolling.total.scalers, expected.scalers)
        assert rolling.n_passed == 0


def test_a_sum_of_the_last_seconds_forgets_what_is_older(frames, geometry):
    rolling = RollingSum(Mode(ModeKind.SECONDS, 1.6), geometry)
    for number in range(100):
        added = frames(number, at=number * 0.1)
        rolling.add(added, sum_of(added, geometry), number)

    # At 9.9 s: frames from 8.3 s on, and one more part of 0.1 s that is not over yet.
    assert 16 <= rolling.total.n_frames <= 18
    n_frames = rolling.total.n_frames
    expected = sum_of(frames(100 - n_frames, n_frames), geometry)
    np.testing.assert_array_equal(rolling.total.histogram, expected.histogram)


def test_a_rolling_sum_tells_how_many_frames_are_not_in(frames, geometry):
    rolling = RollingSum(Mode(ModeKind.FRAMES, 4), geometry)
    for first in (0, 10, 20, 30, 40):
        added = frames(first)
        rolling.add(added, sum_of(added, geometry), first)

    assert (rolling.total.n_frames, rolling.n_passed) == (4, 41 - 10 - 4)


def test_a_rolling_sum_of_a_million_frames_takes_the_memory_of_some_sums(frames, geometry):
    rolling = RollingSum(Mode(ModeKind.FRAMES, 1_000_000), geometry)
    added = frames(0, 64)
    for first in range(0, 20_000, 64):
        rolling.add(added, sum_of(added, geometry), first)

    assert len(rolling._buckets) <= 17
