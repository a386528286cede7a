"""Dead-time correction: worked by hand, against a slow reference of 50 digits, and through the reads."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest

from xspress3.sdk._sdk import ffi

OMIT, USE_GOOD = 1, 2
LN2 = math.log(2)
NULL = ffi.NULL


def doubles(array):
    return ffi.from_buffer("double[]", array)


def put(system, channel=0, flags=0, all_event=(0.0, 0.0), in_window=(0.0, 0.0)):
    """Parameters as (offset, gradient)."""
    offset, gradient = all_event
    assert system.setDeadtimeCorrectionParameters(channel, flags, gradient, offset, *in_window) == 0


def factors(system, rows, first_channel=0):
    """Factors and inputs of scalers given as (T, R, N or (all events, all good)) per channel of one frame."""
    scalers = np.zeros((1, len(rows), 9), dtype="<u4")
    for row, (ticks, reset, events) in zip(scalers[0], rows, strict=True):
        row[0], row[1] = ticks, reset
        row[3], row[4] = events if isinstance(events, tuple) else (events, 0)
    factor, estimate = np.full(len(rows), -7.0), np.full(len(rows), -7.0)
    rc = system.calculateDeadtimeCorrectionFactors(
        ffi.from_buffer("uint32_t[]", scalers),
        doubles(factor),
        doubles(estimate),
        1,
        first_channel,
        len(rows),
    )
    assert rc == 0, system.library.text()
    return factor, estimate


def test_a_case_worked_by_hand(simulate):
    # T = 88e6 ticks of 12.5 ns = 1.1 s, R = 8e6 ticks = 0.1 s, so 1 s is live; N = 50000, so out = 50000/s.
    # Tp_all = ln2 * 10 us: in = 100000/s solves in * exp(-in * Tp_all) = 100000 * exp(-ln2) = 50000, and
    # in * Tp_all = 0.69 < 1, so it is the lower solution.
    # Tp_win = ln3 * 5 us: exp(2 * in * Tp_win) = exp(ln3) = 3, and T / (T - R) = 1.1: the factor is 3.3.
    # inpEst = in * T * c = 100000 * 1.1 = 110000.
    system = simulate()
    put(system, all_event=(LN2 * 10e-6, 0), in_window=(math.log(3) * 5e-6, 0))

    factor, estimate = factors(system, [(88_000_000, 8_000_000, 50_000)])

    assert factor[0] == pytest.approx(3.3, rel=1e-13)
    assert estimate[0] == pytest.approx(110_000, rel=1e-13)


def test_the_energy_enters_by_the_gradients(simulate):
    # At 8 keV: Tp_all = 6 us + 8 * 0.5 us = 10 us, times ln2; Tp_win = -3 + 8 * 1 = 5 us, times ln3.
    system = simulate()
    put(system, all_event=(6e-6 * LN2, 0.5e-6 * LN2), in_window=(-3e-6 * math.log(3), 1e-6 * math.log(3)))
    assert system.getDeadtimeCalculationEnergy() == 0.0
    assert system.setDeadtimeCalculationEnergy(8.0) == 0

    factor, estimate = factors(system, [(88_000_000, 8_000_000, 50_000)])

    assert system.getDeadtimeCalculationEnergy() == 8.0
    assert (factor[0], estimate[0]) == pytest.approx((3.3, 110_000), rel=1e-12)


def test_the_tick_is_that_of_the_generation(simulate):
    # As above with ticks of 10 ns: 110e6 of them are 1.1 s.
    system = simulate(generation="4")
    put(system, all_event=(LN2 * 10e-6, 0), in_window=(math.log(3) * 5e-6, 0))

    factor, estimate = factors(system, [(110_000_000, 10_000_000, 50_000)])

    assert (factor[0], estimate[0]) == pytest.approx((3.3, 110_000), rel=1e-13)


def test_beyond_the_highest_rate_the_input_is_one_per_dead_time(simulate):
    # 1 / (e * 10 us) = 36788/s at most can come out; with 40000/s the input is taken as 1 / 10 us = 100000/s.
    system = simulate()
    put(system, all_event=(10e-6, 0), in_window=(0.5e-6, 0))

    factor, estimate = factors(system, [(80_000_000, 0, 40_000)])

    assert estimate[0] == pytest.approx(100_000, rel=1e-14)
    assert factor[0] == pytest.approx(math.exp(0.1), rel=1e-14)


def test_special_values(simulate):
    system = simulate()
    put(system, 0, in_window=(1e-6, 0))  # no dead time of all events
    for channel in (1, 2, 3):
        put(system, channel, all_event=(1e-6, 0), in_window=(1e-7, 0))

    factor, estimate = factors(system, [(1000, 200, 5), (0, 0, 5), (1000, 1000, 5), (1000, 2000, 5)])

    assert (factor[0], estimate[0]) == (1.25, 0.0)
    assert math.isnan(factor[1])
    assert factor[2] == math.inf
    assert factor[3] < 0


def test_flags_omit_a_channel_or_choose_the_good_events(simulate):
    system = simulate()
    put(system, 0, OMIT, all_event=(1e-6, 0))
    put(system, 1, USE_GOOD, all_event=(LN2 * 10e-6, 0))
    put(system, 2, 0, all_event=(LN2 * 10e-6, 0))

    rows = [(1000, 0, 5), (80_000_000, 0, (7, 50_000)), (80_000_000, 0, (50_000, 7))]
    factor, estimate = factors(system, rows)

    assert (factor[0], estimate[0]) == (0.0, -7.0)  # the estimate is not touched
    assert estimate[1:] == pytest.approx([100_000, 100_000], rel=1e-13)


def test_channels_count_from_the_first_asked_for(simulate):
    system = simulate()
    for channel, dead_time in enumerate((0, 0, 10e-6 * LN2, 0)):
        put(system, channel, all_event=(dead_time, 0))

    _, estimate = factors(system, [(80_000_000, 0, 50_000)] * 2, first_channel=2)

    assert estimate == pytest.approx([100_000, 0], rel=1e-13)


# A reference of its own


def reference(ticks, reset, events, dead_time, window_time, period):
    """Factor and input in decimals of 50 digits, the solution by bisection."""
    getcontext().prec = 50
    ticks, reset, events = Decimal(ticks), Decimal(reset), Decimal(events)
    dead_time, window_time, period = Decimal(dead_time), Decimal(window_time), Decimal(period)
    out = events / ((ticks - reset) * period)
    low, high = Decimal(0), 1 / dead_time
    if out < high * (-1 * Decimal(1)).exp():
        for _ in range(170):
            middle = (low + high) / 2
            if middle * (-middle * dead_time).exp() < out:
                low = middle
            else:
                high = middle
    return (2 * high * window_time).exp() * ticks / (ticks - reset), high * ticks * period


def test_the_library_agrees_with_a_reference_of_fifty_digits(simulate):
    system = simulate()
    random = np.random.default_rng(5)
    for _ in range(150):
        ticks = int(random.integers(1000, 1 << 32))
        reset = int(ticks * random.random() * 0.5)
        dead_time, window_time = 10.0 ** random.uniform(-8, -5), 10.0 ** random.uniform(-9, -6)
        most = (ticks - reset) * 12.5e-9 / (math.e * dead_time)
        events = int(random.choice([1e-6, 0.01, 0.3, 0.9, 0.999, 1.1]) * most) & 0xFFFFFFFF
        put(system, all_event=(dead_time, 0), in_window=(window_time, 0))

        factor, estimate = factors(system, [(ticks, reset, events)])

        wanted_factor, wanted_estimate = reference(
            ticks, reset, events, dead_time, window_time, system.get_clock_period(0)
        )
        # Near the top the solution answers to its argument as 1 / (1 - x), however it is computed.
        x = float(wanted_estimate) / (ticks * 12.5e-9) * dead_time
        tolerance = 1e-15 * (8 + 4 / max(1 - x, 1e-7))
        assert estimate[0] == pytest.approx(float(wanted_estimate), rel=tolerance, abs=1e-40)
        assert factor[0] == pytest.approx(float(wanted_factor), rel=1e-14 + 2 * tolerance, abs=0)


# Parameters


def test_both_orders_of_the_parameters_mean_the_same(simulate):
    system = simulate()
    flags = ffi.new("int *")
    four, eight = [ffi.new("double *") for _ in range(4)], [ffi.new("double *") for _ in range(8)]

    assert system.setDeadtimeCorrectionParameters(1, 2, 1.0, 2.0, 3.0, 4.0) == 0
    assert system.getDeadtimeCorrectionParameters2(1, flags, *eight) == 0
    assert (flags[0], [p[0] for p in eight]) == (2, [2.0, 1.0, 0, 0, 3.0, 4.0, 0, 0])

    assert system.setDeadtimeCorrectionParameters2(-1, 1, 5, 6, 9, 9, 7, 8, 9, 9) == 0
    assert system.getDeadtimeCorrectionParameters(3, flags, *four) == 0
    assert (flags[0], [p[0] for p in four]) == (1, [6, 5, 7, 8])
    assert system.getDeadtimeCorrectionFlags(0, flags) == 0
    assert flags[0] == 1
    assert system.getDeadtimeCorrectionFlags(0, NULL) == 0


# Reading


def acquired(simulate, **description):
    system = simulate(source="physics", clock="demand", rate=300e3, channels=3, **description)
    system.setup(n_frames=5, ticks=800_000)
    system.set_window(-1, 0, 600, 680)
    system.histogram_start(-1)
    put(system, 0, 0, all_event=(150e-9, 0), in_window=(30e-9, 0))
    put(system, 1, USE_GOOD, all_event=(250e-9, 0), in_window=(10e-9, 0))
    put(system, 2, OMIT, all_event=(150e-9, 0))
    return system


def test_corrected_spectra_and_scalers_are_the_raw_ones_times_the_factors(simulate):
    system = acquired(simulate)
    raw, scalers = system.spectra(1, 3), system.scalers(1, 3)
    factor, estimate = np.empty((3, 3)), np.full((3, 3), np.nan)
    system.calculateDeadtimeCorrectionFactors(
        ffi.from_buffer("uint32_t[]", scalers), doubles(factor), doubles(estimate), 3, 0, 3
    )
    spectra, corrected, alone = np.empty((3, 3, 4096)), np.empty((3, 3, 9)), np.empty((3, 3, 9))

    assert system.hist_dtc_read4d(doubles(spectra), doubles(corrected), 0, 0, 0, 1, 4096, 1, 3, 3) == 0
    assert system.scaler_dtc_read(doubles(alone), 0, 0, 1, 9, 3, 3) == 0

    wanted = scalers.astype(float)
    wanted[:, 0, 3], wanted[:, 1, 4] = estimate[:, 0], estimate[:, 1]
    wanted[:, :, 5:7] *= factor[:, :, None]
    assert np.array_equal(spectra, raw * factor[:, :, None])
    assert np.array_equal(corrected, wanted)
    assert np.array_equal(alone, wanted)
    assert (factor[:, :2] > 1).all()
    assert (factor[:, 2] == 0).all()
    assert spectra[:, 0].sum() > 1000


def test_parts_of_corrected_reads_are_those_of_the_whole(simulate):
    system = acquired(simulate)
    whole, part, three = np.empty((2, 2, 4096)), np.empty((2, 1, 50)), np.empty((2, 1, 50))
    scalers, some = np.empty((2, 3, 9)), np.empty((2, 1, 2))

    assert system.hist_dtc_read4d(doubles(whole), NULL, 0, 0, 0, 2, 4096, 1, 2, 2) == 0
    assert system.hist_dtc_read4d(doubles(part), NULL, 610, 0, 1, 2, 50, 1, 1, 2) == 0
    assert system.hist_dtc_read3d(doubles(three), 610, 1, 2, 50, 1, 2) == 0
    assert system.scaler_dtc_read(doubles(scalers), 0, 0, 2, 9, 3, 2) == 0
    assert system.scaler_dtc_read(doubles(some), 4, 1, 2, 2, 1, 2) == 0
    assert system.scaler_dtc_read(NULL, 0, 0, 0, 0, 1, 1) == 0

    assert np.array_equal(part, whole[:, 1:2, 610:660])
    assert np.array_equal(three, part)
    assert np.array_equal(some, scalers[:, 1:2, 4:6])


def test_a_frame_that_is_not_there_has_no_live_time_and_so_no_factor(simulate):
    system = simulate()
    out = np.zeros(4)

    assert system.hist_dtc_read4d(doubles(out), NULL, 0, 0, 0, 0, 1, 1, 4, 1) == 0
    assert np.isnan(out).all()
