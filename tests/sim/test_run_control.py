"""Runs: when frames come, how many, and what the ring does with them."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.sim.conftest import (
    BURST,
    CIRCULAR,
    HARDWARE,
    HARDWARE_ONLY_FIRST,
    SOFTWARE,
    SOFTWARE_ONLY_FIRST,
    TICK,
    words,
)
from xspress3.sdk._sdk import ffi
from xspress3.sim import write_settings

GAPS = [(0, 2), (1, 16), (2, 40), (3, 80)]


@pytest.mark.parametrize(("gap", "gap_ticks"), GAPS)
@pytest.mark.parametrize(("generation", "tick"), [("3", 12.5e-9), ("4", 10e-9)])
def test_a_burst_frame_completes_at_its_tick_and_not_before(
    simulate, control, gap, gap_ticks, generation, tick
):
    system = simulate(generation=generation)
    system.setup(n_frames=5, ticks=1000, gap=gap)
    system.histogram_start(-1)
    progress = []

    control.advance(999 * tick)
    for _ in range(7):
        progress.append(system.progress())
        control.advance(1 * tick)
        progress.append(system.progress())
        control.advance((1000 + gap_ticks - 1) * tick)

    assert progress == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5, 5]


def test_reconfiguring_within_a_run_counts_from_the_next_start(simulate, control):
    system = simulate()
    system.setup(n_frames=4, ticks=1000)
    system.histogram_start(-1)
    system.itfg_setup(0, 2, 10, BURST, 0)

    control.advance(10_000 * TICK)
    first = system.progress()
    system.histogram_start(-1)
    control.advance(10_000 * TICK)

    assert (first, system.progress()) == (4, 2)


def test_registers_take_what_fits_into_them(simulate, control):
    system = simulate()
    system.setup(n_frames=0x1000002, ticks=100, trigger=8 + BURST, gap=4)
    system.histogram_start(-1)

    control.advance(1000 * TICK)

    assert system.progress() == 2


@pytest.mark.parametrize("trigger", [BURST, SOFTWARE_ONLY_FIRST])
def test_after_arm_one_edge_starts_the_burst_and_noise_does_not_disturb_it(simulate, control, trigger):
    system = simulate()
    system.setup(n_frames=10, ticks=98, trigger=trigger)
    system.histogram_arm(0)
    control.advance(1)
    assert system.progress() == 0

    for _ in range(9):
        system.trigger()
        control.advance(100 * TICK)
    system.trigger()
    control.advance(98 * TICK)

    assert system.progress() == 10


def test_start_is_the_first_software_edge_and_arm_is_not(simulate, control):
    system = simulate()
    system.setup(n_frames=10, ticks=98, trigger=SOFTWARE)
    counts = []
    for begin in (system.histogram_start, system.histogram_arm):
        begin(0)
        control.advance(1)
        counts.append(system.progress())

    assert counts == [1, 0]


def test_a_second_continue_is_no_edge_without_a_pause_between(simulate, control):
    system = simulate()
    system.setup(n_frames=10, ticks=98, trigger=SOFTWARE)
    system.histogram_arm(0)
    counts = []
    for call in (system.histogram_continue, system.histogram_continue, system.histogram_pause):
        call(0)
        control.advance(1)
        counts.append(system.progress())
    system.histogram_continue(0)
    control.advance(1)

    assert [*counts, system.progress()] == [1, 1, 1, 2]


def test_an_edge_within_a_frame_is_lost(simulate, control):
    system = simulate()
    system.setup(n_frames=10, ticks=98, trigger=SOFTWARE)
    system.histogram_arm(0)
    system.trigger()
    control.advance(97 * TICK)
    system.trigger()
    control.advance(1)

    assert system.progress() == 1


@pytest.mark.parametrize(
    ("source", "trigger"),
    [(1, HARDWARE), (1, HARDWARE_ONLY_FIRST), (1, 3), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0)],
)
def test_a_run_that_waits_for_hardware_just_waits(simulate, control, source, trigger):
    system = simulate()
    system.setup(n_frames=10, ticks=98, trigger=trigger)
    system.set_glob_timeA(0, source | 80 << 16)
    assert system.histogram_start(0) == 0

    system.trigger()
    control.advance(10)

    assert system.progress() == 0
    assert system.histogram_stop(-1) == 0


def test_no_frames_without_a_run(simulate, control):
    system = simulate()
    system.setup(n_frames=10, ticks=98)

    system.trigger()
    control.advance(1)

    assert system.progress() == 0


def test_the_real_clock_is_the_real_one(simulate):
    system = simulate(clock="real")
    system.setup(n_frames=20, ticks=80_000, gap=3)
    period = 80_080 * 12.5e-9
    before_start = time.monotonic()
    system.histogram_start(-1)
    after_start = time.monotonic()
    n_frames = 0
    while n_frames < 20:
        begin = time.monotonic()
        n_frames = system.progress()
        end = time.monotonic()

        # However slowly this test is run: what was there at least, and what could be there at most.
        assert n_frames >= min(20, int((begin - after_start) / period))
        assert n_frames <= (end - before_start) / period + 1


# The ring


def ack(system, frame, n=1):
    assert system.histogram_circ_ack(0, frame & 0xFFFFFFFF, system.get_num_chan(), n) == 0


def status(system, frame, n=1, channel=0):
    block = ffi.new("Xsp3TFStatus[]", n)
    assert system.histogram_get_tf_status_block(channel, frame, n, block) == 0
    return [(s.state, s.time_frame, s.markers) for s in block]


def test_on_demand_the_ring_fills_and_follows_the_acknowledges(simulate):
    system = simulate(clock="demand", num_tf=16)
    system.setup(n_frames=100, ticks=98, flags=CIRCULAR)
    system.histogram_start(-1)
    seen = [system.progress()]
    for first in range(0, 96, 8):
        ack(system, first, 8)
        seen.append(system.progress())

    assert seen == [min(16 + 8 * i, 100) for i in range(13)]
    assert system.overrun() == (0, 0)


def test_on_demand_without_a_ring_everything_is_there_at_once(simulate):
    system = simulate(clock="demand", num_tf=16)
    system.setup(n_frames=12, ticks=98)
    system.histogram_start(-1)

    assert system.progress() == 12


def test_overrun_counts_frames_flags_them_and_the_next_start_forgets_them(simulate, control):
    system = simulate(num_tf=4)
    system.setup(n_frames=0, ticks=98, flags=CIRCULAR)
    system.histogram_start(-1)
    flags, furthest = ffi.new("uint32_t *"), ffi.new("int64_t *")
    control.advance(350 * TICK)  # 3 complete, 4 begun
    ack(system, 0, 2)
    control.advance(500 * TICK)  # 8 complete, 9 begun: 2, 3 and 4 were overwritten
    complete = system.scaler_check_progress_details(flags, 0, furthest)
    overrun = system.overrun()
    states = status(system, 5, 4)
    system.histogram_start(-1)

    assert (complete, furthest[0], flags[0]) == (8, 8, 0x10000)
    assert overrun == (3, 2)
    assert states == [(1, 5, 0), (2, 6, 0), (2, 7, 0), (2, 8, 0)]
    assert system.overrun() == (0, 0)


def test_channels_are_acknowledged_each_for_itself(simulate, control):
    system = simulate(num_tf=4, channels=3)
    system.setup(n_frames=0, ticks=98, flags=CIRCULAR)
    system.histogram_start(-1)
    control.advance(350 * TICK)
    system.histogram_circ_ack(1, 0, 1, 1)
    control.advance(200 * TICK)  # 6 begun

    assert [system.overrun(channel) for channel in (0, 1, 2, -1)] == [(2, 0), (1, 1), (2, 0), (2, 0)]


def test_acknowledges_in_any_order_prevent_overrun(simulate, control):
    system = simulate(num_tf=8)
    system.setup(n_frames=0, ticks=98, flags=CIRCULAR)
    system.histogram_start(-1)
    control.advance(750 * TICK)
    for frame in (3, 1, 2, 0, 5):
        ack(system, frame)
    control.advance(500 * TICK)  # 13 begun: 4 was not acknowledged

    assert system.overrun() == (1, 4)


def test_twice_acknowledged_is_acknowledged(simulate, control):
    system = simulate(num_tf=4)
    system.setup(n_frames=4, ticks=98, flags=CIRCULAR)
    system.histogram_start(-1)
    control.advance(1)
    ack(system, 0)
    ack(system, 0)

    assert status(system, 0, 2) == [(0, 0, 0), (1, 1, 0)]


def test_without_a_ring_status_has_no_state(simulate, control):
    system = simulate(num_tf=4)
    system.setup(n_frames=4, ticks=98)
    system.histogram_start(-1)
    control.advance(1)

    assert status(system, 1, 2) == [(0, 1, 0), (0, 2, 0)]


def test_reads_wrap_in_the_ring_and_give_what_is_there(simulate, control):
    system = simulate(num_tf=8)
    system.setup(n_frames=13, ticks=98, flags=CIRCULAR)
    system.histogram_start(-1)
    control.advance(1)

    assert (system.spectra(5, 8)[:, 0, 0] >> 16).tolist() == [5, 6, 7, 8, 9, 10, 11, 12]
    assert (system.spectra(0, 8)[:, 0, 0] >> 16).tolist() == [8, 9, 10, 11, 12, 5, 6, 7]
    assert system.scalers(0, 8)[:, 0, 3].tolist() == [8, 9, 10, 11, 12, 5, 6, 7]


# The clients of section 10


@pytest.mark.parametrize("clock", ["demand", "manual"])
def test_the_sequence_of_the_max_iv_client(simulate, control, clock, tmp_path):
    write_settings(tmp_path)
    library = simulate(clock=clock, num_tf=64).library  # handle 0, as that client takes for granted
    n_channels, n_frames, ticks = 4, 150, 79_998
    assert library.get_generation(0, 0) == 0
    assert library.set_run_flags(0, CIRCULAR) == 0
    assert library.clocks_setup(0, 0, 1, 3, 0) == 0
    assert library.restore_settings(0, ffi.new("char[]", str(tmp_path).encode()), 0) == 0
    trigger_b = ffi.new("Xspress3_TriggerB *")
    assert [library.get_trigger_b(0, channel, trigger_b) for channel in range(library.get_num_chan(0))] == [
        0
    ] * 4
    assert trigger_b.event_time == 6

    for _ in range(2):  # a second series without stop
        n_fit = library.format_run(0, -1, 0, 0, 0, 0, 0, 12)
        assert n_fit == 64
        assert library.histogram_clear(0, 0, n_channels, 0, n_fit) == 0
        assert library.set_glob_timeA(0, 0, 1) == 0
        assert library.itfg_setup(0, 0, n_frames, ticks, SOFTWARE, 0) == 0
        assert library.histogram_arm(0, 0) == 0
        spectra = np.zeros((n_channels, 4096), dtype="<u4")
        scalers = np.zeros((n_channels, 9), dtype="<u4")
        for frame in range(n_frames):
            assert library.histogram_continue(0, 0) == 0
            assert library.histogram_pause(0, 0) == 0
            control.advance((ticks + 2) * TICK)
            assert library.scaler_check_progress(0) == frame + 1
            assert library.histogram_read3d(0, words(spectra), 0, 0, frame, 4096, n_channels, 1) == 0
            assert library.scaler_read(0, words(scalers), 0, 0, frame, 9, n_channels, 1) == 0
            assert library.histogram_circ_ack(0, 0, frame, n_channels, 1) == 0
            assert library.histogram_get_circ_overrun(0, -1, ffi.NULL) == 0
            assert (spectra[:, 7] == (frame << 16) + (np.arange(4) << 12) + 7).all()
            assert scalers[2].tolist() == [
                ticks,
                0,
                0,
                frame,
                max(frame - 2, 0),
                *scalers[2, 5:7],
                min(2, frame),
                ticks,
            ]
        library.histogram_continue(0, 0)
        control.advance(1)
        assert library.scaler_check_progress(0) == n_frames


def test_the_sequence_of_lima_with_its_pulses_between_frames(simulate, control):
    system = simulate()
    n = 6
    assert system.set_glob_timeA(0, 1 | 80 << 16) == 0
    assert system.set_glob_timeFixed(0, 0) == 0
    assert system.itfg_setup(0, n, 8_000, BURST, 3) == 0
    assert system.histogram_clear(0, 4, 0, n) == 0
    assert system.histogram_start(-1) == 0
    for _ in range(n - 1):
        control.advance(8_080 * TICK)
        system.histogram_pause(-1)
        system.histogram_continue(-1)
    control.advance(8_000 * TICK)
    assert system.histogram_stop(-1) == 0
    assert system.histogram_is_any_busy() == 0

    assert system.progress() == n
    assert (system.spectra(0, n)[:, 1, 3] == (np.arange(n) << 16) + (1 << 12) + 3).all()


def test_the_sequence_of_epics_with_its_double_start(simulate, control):
    system = simulate()
    for channel in range(4):
        assert system.format_run(channel, 0, 0, 0, 0, 0, 12) == 64
    system.histogram_stop(-1)
    for _ in range(2):
        assert system.set_glob_timeA(0, 1) == 0
        assert system.itfg_setup(0, 9, 1000, BURST, 3) == 0
        assert system.histogram_start(-1) == 0
        control.advance(300 * TICK)
    control.advance(1)

    assert system.progress() == 9
