"""Content of frames where it does not depend on physics: layout, formats, windows, clearing."""

from __future__ import annotations

import numpy as np
import pytest

from tests.sim.conftest import words
from xspress3.errors import SdkError
from xspress3.sdk._sdk import ffi


def pattern(frames, channels, bins=4096):
    """The formula of xsp3_api.h."""
    f, c, b = np.ix_(np.asarray(frames), np.arange(channels), np.arange(bins))
    return ((f & 0xFFFF) << 16 | (c & 0xF) << 12 | b).astype("<u4")


@pytest.fixture
def burst(simulate):
    """A system with 20 frames of the pattern, all there."""
    system = simulate(clock="demand")
    system.setup(n_frames=20, ticks=1234)
    system.histogram_start(-1)
    return system


def test_read4d_puts_frame_channel_and_bin_in_this_order(burst):
    assert np.array_equal(burst.spectra(3, 17), pattern(range(3, 20), 4))


def test_a_part_of_the_bins_and_channels(burst):
    data = np.zeros((5, 2, 100), dtype="<u4")

    assert burst.histogram_read3d(words(data), 4000 - 100, 1, 7, 100, 2, 5) == 0

    assert np.array_equal(data, pattern(range(7, 12), 4)[:, 1:3, 3900:4000])


def test_a_part_of_the_scalers(burst):
    data = np.zeros((3, 2, 2), dtype="<u4")

    assert burst.scaler_read(words(data), 3, 1, 10, 2, 2, 3) == 0

    assert data[:, :, 0].tolist() == [[10, 10], [11, 11], [12, 12]]
    assert data[:, :, 1].tolist() == [[9, 8], [10, 9], [11, 10]]


def test_scalers_of_the_pattern_are_as_documented(burst):
    frame, channel = np.ix_(np.arange(20), np.arange(4))
    pileup = np.minimum(channel, frame)

    scalers = burst.scalers(0, 20)

    ticks = np.full((20, 4), 1234)
    zero = np.zeros((20, 4), dtype=int)
    window = pattern(range(20), 4, 1)[:, :, 0]  # 0..0 until set
    expected = [ticks, zero, zero, frame + 0 * channel, frame - pileup, window, window, pileup, ticks]
    assert np.array_equal(scalers, np.stack(np.broadcast_arrays(*expected), axis=2))


def test_places_not_filled_in_this_run_are_zeros(burst):
    assert not burst.spectra(20, 10).any()
    assert not burst.scalers(20, 10).any()
    burst.histogram_arm(-1)
    assert not burst.spectra(0, 20).any()


@pytest.mark.parametrize("n_bits", [0, 1, 8, 11, 12])
def test_fewer_bits_sum_neighbouring_bins_and_hold_more_frames(simulate, n_bits):
    system = simulate(clock="demand", source="physics")
    system.setup(n_frames=3, ticks=800_000)
    system.histogram_start(-1)
    full = system.spectra(0, 3)

    assert system.format_run(-1, 0, 0, 0, 0, 0, n_bits) == 64 << (12 - n_bits)
    system.histogram_start(-1)
    merged = system.spectra(0, 3, 1 << n_bits)

    assert np.array_equal(merged, full.reshape(3, 4, 1 << n_bits, -1).sum(axis=3))


def test_one_channel_with_another_format(simulate, library):
    system = simulate(clock="demand")
    system.setup(n_frames=3, ticks=100)
    assert system.format_run(2, 0, 0, 0, 0, 0, 10) == 256
    system.histogram_start(-1)
    data = np.zeros((1, 1, 1024), dtype="<u4")

    assert system.histogram_read4d(words(data), 0, 0, 2, 1, 1024, 1, 1, 1) == 0
    assert np.array_equal(data[0, 0], pattern([1], 4)[0, 2].reshape(-1, 4).sum(axis=1, dtype="<u4"))
    assert system.histogram_read4d(words(data), 0, 0, 2, 1, 1025, 1, 1, 1) == -6
    assert system.histogram_read4d(words(data), 1024, 0, 1, 1, 1024, 1, 1, 1) == 0


def test_windows_are_inclusive_and_counted_with_the_limits_in_force_when_read(simulate):
    system = simulate(clock="demand", source="physics")
    system.setup(n_frames=8, ticks=8_000_000)
    system.histogram_start(-1)
    spectra = system.spectra(0, 8)

    for low, high in [(620, 660), (0, 4095), (640, 640), (700, 600)]:
        assert system.set_window(-1, 0, low, high) == 0
        assert system.set_window(3, 1, 630, 650) == 0
        in_windows = system.scalers(0, 8)[:, :, 5:7]
        assert np.array_equal(in_windows[:, :, 0], spectra[:, :, low : high + 1].sum(axis=2))
        assert np.array_equal(in_windows[:, 3, 1], spectra[:, 3, 630:651].sum(axis=1))


def test_window_limits_are_read_back(simulate):
    system = simulate()
    low, high = ffi.new("uint32_t *"), ffi.new("uint32_t *")
    system.set_window(2, 1, 100, 4095)

    assert system.get_window(2, 1, low, high) == 0
    assert (low[0], high[0]) == (100, 4095)
    assert system.get_window(1, 1, low, high) == 0
    assert (low[0], high[0]) == (0, 0)


def test_clear_zeroes_spectra_and_scalers_of_its_frames_and_channels(burst):
    assert burst.histogram_clear(1, 2, 5, 3) == 0

    expected = pattern(range(20), 4)
    expected[5:8, 1:3] = 0
    assert np.array_equal(burst.spectra(0, 20), expected)
    assert (burst.scalers(0, 20)[:, :, 8] == np.where(expected[:, :, 1] > 0, 1234, 0)).all()


def test_what_was_cleared_fills_again(burst):
    burst.histogram_clear(0, 4, 0, 64)
    assert not burst.spectra(0, 20).any()

    burst.histogram_start(-1)

    assert np.array_equal(burst.spectra(0, 20), pattern(range(20), 4))


def test_the_truth_is_what_is_read(simulate, control):
    system = simulate(clock="demand", source="physics")
    system.setup(n_frames=10, ticks=800_000)
    before = control.truth(system.handle, 2, 9)
    system.histogram_start(-1)

    after = control.truth(system.handle, 2, 9)

    for spectrum, scalers in (before, after):
        assert np.array_equal(spectrum, system.spectra(9)[0, 2])
        assert np.array_equal(scalers, system.scalers(9)[0, 2])


def test_the_truth_of_a_frame_that_cannot_be_is_refused(simulate, control):
    system = simulate()

    for channel, frame in [(4, 0), (-1, 0), (0, -1)]:
        with pytest.raises(SdkError) as caught:
            control.truth(system.handle, channel, frame)
        assert caught.value.code == -6
