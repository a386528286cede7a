"""The internal timing generator: triggers, acquiring in pauses, markers, stop and start within a run.

All systems here have the manual clock of 80 MHz, and `after(control, n)` lets n ticks pass.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.sim.conftest import (
    BURST,
    CIRCULAR,
    HARDWARE,
    HARDWARE_ONLY_FIRST,
    PLAIN,
    SOFTWARE,
    SOFTWARE_ONLY_FIRST,
    TICK,
)
from xspress3.sdk._sdk import ffi

OFF, ALL, EXCL_FIRST = 0, 1, 2
COUNTING, RUNNING, PAUSED, FINISHED = 1 << 24, 1 << 25, 1 << 26, 1 << 27


def after(control, ticks):
    control.advance(ticks * TICK)


def edge(control):
    """A pulse on TTL 1 that takes no time."""
    control.ttl(1, True)
    control.ttl(1, False)


def status(system):
    word = ffi.new("uint32_t *")
    assert system.get_glob_time_statA(0, word) == 0
    return word[0]


def setup2(system, n_frames, ticks, trigger, *, gap=0, pause=OFF, marker=(0, 0)):
    system.setup(n_frames, ticks, trigger)
    assert system.itfg_setup2(0, n_frames, ticks, trigger, gap, pause, *marker) == 0, system.library.text()


def total_ticks(system, n):
    scalers = system.scalers(0, n)
    assert (scalers[..., 0] == scalers[..., 8]).all()
    assert (scalers[:, :1, 8] == scalers[..., 8]).all()  # all channels have the same frames
    return scalers[:, 0, 8].tolist()


@pytest.mark.parametrize("inverted", [False, True])
def test_each_frame_has_its_own_edge_of_the_right_direction(simulate, control, inverted):
    system = simulate()
    system.setup(3, 100, HARDWARE)
    system.set_glob_timeA(0, 1 | inverted << 4)
    system.histogram_start(-1)
    counts = []
    for _ in range(4):
        # rising at 0, falling at 150: a frame is complete 100 later
        control.ttl(1, True)
        after(control, 149)
        counts.append(system.progress())
        after(control, 1)
        control.ttl(1, False)
        after(control, 100)
        counts.append(system.progress())

    assert counts == ([0, 1, 1, 2, 2, 3, 3, 3] if inverted else [1, 1, 2, 2, 3, 3, 3, 3])


def test_edges_within_a_frame_are_ignored_and_the_next_one_after_it_counts(simulate, control):
    system = simulate()
    system.setup(10, 100, HARDWARE)
    system.histogram_start(-1)

    control.edges(10, 40 * TICK)  # 0 begins; 40, 80 lost; 120 begins; 160, 200 lost; 240; 360
    after(control, 459)
    before = system.progress()
    after(control, 1)

    assert (before, system.progress()) == (3, 4)


def test_the_first_edge_alone_starts_them_all(simulate, control):
    system = simulate()
    system.setup(4, 98, HARDWARE_ONLY_FIRST)
    system.histogram_start(-1)
    after(control, 1000)
    waiting = system.progress()

    control.edges(3, 130 * TICK)
    after(control, 398)  # 4 * 98 + 3 * 2

    assert (waiting, system.progress()) == (0, 4)


def test_hardware_edges_count_from_the_first_count_enable_on(simulate, control):
    system = simulate()
    system.setup(4, 98, HARDWARE)
    system.histogram_arm(-1)
    edge(control)
    after(control, 1000)
    armed = system.progress()
    system.trigger()
    edge(control)
    after(control, 1000)

    assert (armed, system.progress()) == (0, 1)


def test_without_end_until_it_is_stopped(simulate, control):
    system = simulate(num_tf=8)
    system.setup(0, 98, BURST, flags=CIRCULAR)
    system.histogram_start(-1)
    after(control, 100 * 12_345)

    assert system.progress() == 12_345


@pytest.mark.parametrize(("code", "n_frames"), [(1, 0), (2, 10)])
def test_old_firmware_has_no_frames_without_a_number(simulate, control, code, n_frames):
    system = simulate(itfg=code)
    system.setup(0, 98, BURST, flags=CIRCULAR)
    system.histogram_start(-1)
    after(control, 1000)

    assert system.has_itfg(0) == code
    assert system.progress() == n_frames


# Acquiring in pauses


def test_triggers_are_counted_and_frames_touch(simulate, control):
    system = simulate()
    setup2(system, 5, 3, HARDWARE, gap=1, pause=ALL)  # 3 triggers a frame, gaps of 16 ticks
    system.histogram_start(-1)
    after(control, 77)  # frame 0: of unknown length, until the first trigger
    counts = []
    for spacing in (100, 200, 300, 400, 500, 600, 1000, 1000, 1000):
        edge(control)
        counts.append(system.progress())
        after(control, spacing)

    # Frame 1 goes from the first trigger, and its gap, to the fourth: 600 - 16. Frame 2: 1500 - 16.
    assert counts == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert total_ticks(system, 3) == [77, 584, 1484]


def test_the_first_frame_may_be_left_out(simulate, control):
    system = simulate()
    setup2(system, 2, 1, HARDWARE, pause=EXCL_FIRST)
    system.histogram_start(-1)
    after(control, 77)
    counts = []
    for _ in range(4):
        edge(control)
        counts.append(system.progress())
        after(control, 100)

    # There is no frame before the first trigger, and no gap before frame 0; 2 ticks of gap before frame 1.
    assert counts == [0, 1, 2, 2]
    assert total_ticks(system, 2) == [100, 98]
    assert status(system) & FINISHED


def test_before_code_4_a_frame_lasts_its_time_and_on_to_the_next_trigger(simulate, control):
    system = simulate(itfg=3)
    setup2(system, 5, 150, HARDWARE, pause=ALL)
    system.histogram_start(-1)
    after(control, 10)
    for _ in range(5):
        edge(control)
        after(control, 100)

    # Triggers at 10, 110 (ignored: before 12 + 150), 210, 310 (ignored), 410.
    assert system.progress() == 3
    assert total_ticks(system, 3) == [10, 198, 198]


def test_a_pause_before_a_burst_is_a_frame_too(simulate, control):
    system = simulate()
    setup2(system, 3, 98, HARDWARE_ONLY_FIRST, pause=ALL)
    system.histogram_start(-1)
    after(control, 33)
    edge(control)
    after(control, 1000)

    assert system.progress() == 3
    assert total_ticks(system, 3) == [33, 98, 98]


def test_the_pulse_count_mode_of_epics(simulate, control):
    """Section 10 (c): itfg_setup2 with HARDWARE, pulses per trigger and ALL."""
    system = simulate(num_tf=16)
    setup2(system, 100, 5, HARDWARE, pause=ALL)
    system.set_run_flags(CIRCULAR)
    system.histogram_start(-1)
    control.edges(501, 1000 * TICK)  # at 0, 1000, ...: frame 0 has no length, frame k ends at 5000 k
    for k in range(1, 100):
        after(control, 5000)
        assert system.progress() == k + 1
        assert system.scalers(k, 1)[0, 0, 8] == 4998
        assert system.histogram_circ_ack(0, k, 4, 1) == 0


@pytest.mark.parametrize(
    ("code", "pause", "marker", "complaint"),
    [
        (1, ALL, (0, 0), "acq_in_pause=1, but this ITFG (code 1) has none"),
        (2, OFF, (4, 0), "marker_period=4, but this ITFG (code 2) has no markers"),
        (4, OFF, (4, 0), "marker_period=4, but this ITFG (code 4) has no markers"),
        (0, OFF, (0, 0), "no ITFG"),
    ],
)
def test_what_the_firmware_cannot_is_refused(simulate, library, code, pause, marker, complaint):
    system = simulate(itfg=code)

    assert system.itfg_setup2(0, 5, 100, SOFTWARE, 0, pause, *marker) == -1
    assert complaint in library.text()


def test_what_was_set_up_is_read_back_as_the_registers_hold_it(simulate):
    system = simulate()
    n_frames, trigger, gap = (ffi.new("int *") for _ in range(3))
    ticks = ffi.new("uint32_t *")
    system.itfg_setup(0, 0x1000003, 0xFFFFFFFF, 8 + 5, 4 + 2)

    assert system.itfg_get_setup(0, n_frames, ticks, trigger, gap) == 0
    assert (n_frames[0], ticks[0], trigger[0], gap[0]) == (3, 0xFFFFFFFF, 5, 2)


def test_all_cards_at_once_only_where_they_are_not_wired_together(simulate):
    system = simulate()
    by_default = system.itfg_setup(-1, 1, 100, 0, 0)
    system.set_sync_mode(0, 0, 0)
    independent = system.itfg_setup(-1, 1, 100, 0, 0)
    system.set_sync_mode(4, 0, 0)

    assert (by_default, independent, system.itfg_setup(-1, 1, 100, 0, 0)) == (-1, 0, -1)


# Stop and start within a run


@pytest.mark.parametrize(("cut_frame", "expected"), [("drop", [100, 100]), ("report", [100, 100, 48])])
@pytest.mark.parametrize("stop", ["histogram_stop", "itfg_stop"])
def test_a_frame_cut_off_is_dropped_or_reported_with_its_true_length(
    simulate, control, cut_frame, expected, stop
):
    system = simulate(cut_frame=cut_frame)
    system.setup(10, 100, BURST)
    system.histogram_start(-1)
    after(control, 204 + 48)  # frame 2 began at 204
    getattr(system, stop)(0)
    after(control, 1000)

    assert system.progress() == len(expected)
    assert total_ticks(system, len(expected)) == expected
    assert (system.spectra(0, len(expected))[:, 0, 0] >> 16).tolist() == list(range(len(expected)))


def test_lines_of_a_raster_have_numbers_that_go_on(simulate, control):
    system = simulate(num_tf=64)
    system.setup(3, 98, BURST)
    system.histogram_start(-1)
    after(control, 250)  # 2 complete, one counts
    system.itfg_stop(0)
    after(control, 1000)
    stopped = system.progress(), status(system)
    system.itfg_start(0)  # 3 more: 2, 3, 4
    after(control, 98)
    first = system.progress()
    after(control, 1000)
    second = system.progress(), status(system)
    system.itfg_start(0)  # finished, so it begins again: 5, 6, 7
    after(control, 1000)

    assert stopped == (2, 2 | RUNNING | FINISHED)
    assert first == 3
    assert second == (5, 5 | RUNNING | FINISHED)
    assert system.progress() == 8
    assert total_ticks(system, 8) == [98] * 8


def test_a_triggered_generator_waits_again_after_it_was_restarted(simulate, control):
    system = simulate()
    system.setup(2, 100, HARDWARE)
    system.histogram_start(-1)
    control.edges(5, 200 * TICK)
    after(control, 1000)
    system.itfg_start(0)
    waiting = system.progress()
    control.edges(5, 200 * TICK)
    after(control, 1000)

    assert (waiting, system.progress()) == (2, 4)


def test_a_start_of_a_generator_that_runs_changes_nothing(simulate, control):
    system = simulate()
    system.setup(3, 98, BURST)
    system.histogram_start(-1)
    after(control, 150)
    assert system.itfg_start(0) == 0
    after(control, 1000)

    assert system.progress() == 3


# Markers and status


def markers(system, channel, first, n):
    words = ffi.new("int[]", n)
    block = ffi.new("Xsp3TFStatus[]", n)
    assert system.histogram_get_tf_markers(channel, first, n, words) == 0
    assert system.histogram_get_tf_status_block(channel, first, n, block) == 0
    assert [status.markers for status in block] == list(words)
    return list(words)


@pytest.mark.parametrize("flags", [PLAIN, CIRCULAR])
def test_the_generator_marks_one_frame_of_each_period(simulate, control, flags):
    system = simulate(num_tf=16)
    setup2(system, 10, 98, BURST, marker=(4, 1))
    system.set_run_flags(flags)
    system.set_glob_timeFixed(0, 2 << 30)
    system.histogram_start(-1)
    after(control, 2000)

    assert markers(system, 0, 0, 10) == [0, 1, 0, 0, 0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize(("generation", "others"), [("3", 0), ("4", 2)])
def test_software_markers_and_which_channels_have_them(simulate, control, generation, others):
    system = simulate(generation=generation, channels=4, cards=2, ncards=2)
    tick = 12.5e-9 if generation == "3" else 10e-9
    system.setup(4, 98, BURST)
    system.set_glob_timeFixed(0, 1 << 30)
    system.histogram_start(-1)
    control.advance(50 * tick)
    system.set_glob_timeA(0, 0xA0000001 | 2 << 12)  # RUN and COUNT_ENB are to stay
    control.advance(200 * tick)
    system.set_glob_timeA(0, 0xA0000001)
    control.advance(1000 * tick)

    assert system.progress() == 4
    assert markers(system, 1, 0, 4) == [0, 2, 2, 0]
    assert markers(system, 2, 0, 4) == [0, others, others, 0]


def test_markers_follow_the_ring(simulate, control):
    system = simulate(num_tf=4)
    system.setup(0, 98, BURST, flags=CIRCULAR)
    system.histogram_start(-1)
    after(control, 450)  # 0 to 4 have begun
    control.ttl(3, True)
    after(control, 100)  # 5
    control.ttl(3, False)
    after(control, 150)  # 6

    assert markers(system, 0, 3, 4) == [0, 0, 2, 0]
    after(control, 100 * 1_000_000)
    assert markers(system, 0, 3, 4) == [0, 0, 0, 0]


@pytest.mark.parametrize("trigger", [SOFTWARE, SOFTWARE_ONLY_FIRST])
def test_the_status_word_tells_what_the_generator_does(simulate, control, trigger):
    system = simulate()
    system.setup(2, 100, trigger, gap=3)
    words = [status(system)]
    system.histogram_arm(0)
    words.append(status(system))
    system.trigger()
    words.append(status(system))  # counts frame 0
    after(control, 150)
    words.append(status(system))  # between: the one waits, the other has its gap
    after(control, 30)
    system.trigger()
    after(control, 50)
    words.append(status(system))  # counts frame 1
    after(control, 100)
    words.append(status(system))
    system.histogram_stop(0)
    words.append(status(system))

    assert words == [
        0,
        RUNNING | PAUSED,
        RUNNING | COUNTING,
        1 | RUNNING | (PAUSED if trigger == SOFTWARE else 0),
        1 | RUNNING | COUNTING,
        2 | RUNNING | FINISHED,
        2,
    ]


def test_on_demand_edges_come_as_fast_as_the_ring_has_room(simulate, control):
    system = simulate(clock="demand", num_tf=8)
    system.setup(50, 100, HARDWARE, flags=CIRCULAR)
    system.histogram_start(-1)
    control.edges(50, 3600.0)
    seen = []
    for frame in range(50):
        seen.append(system.progress())
        assert system.histogram_circ_ack(0, frame, 4, 1) == 0

    assert seen == [min(8 + frame, 50) for frame in range(50)]
    assert system.overrun() == (0, 0)


def test_on_demand_counted_triggers_give_frames_of_the_length_said(simulate, control):
    system = simulate(clock="demand", num_tf=8)
    setup2(system, 20, 4, HARDWARE, pause=EXCL_FIRST)
    system.set_run_flags(CIRCULAR)
    system.histogram_start(-1)
    control.edges(81, 1e-3)
    lengths = []
    for frame in range(20):
        assert system.progress() > frame
        lengths.append(int(system.scalers(frame, 1)[0, 0, 8]))
        assert system.histogram_circ_ack(0, frame, 4, 1) == 0

    assert lengths == [320_000] + [319_998] * 19  # 4 ms, less the gap


def test_the_physics_of_a_frame_follow_its_true_length(simulate, control):
    system = simulate(source="physics", rate=1e5, num_tf=16)
    system.set_glob_timeA(0, 4)
    system.histogram_start(-1)
    for milliseconds in (1, 10, 2):
        control.gates(milliseconds * 1e-3, 1e-3, 1)
        control.advance(0.02)
    spectra, scalers = system.spectra(0, 3), system.scalers(0, 3)
    truth = [control.truth(system.handle, 0, frame) for frame in range(3)]

    assert scalers[:, 0, 8].tolist() == [80_000, 800_000, 160_000]
    # 1e5 events a second, 0.7 % of them in dead time: about 100, 990 and 200.
    np.testing.assert_allclose(scalers[:, 0, 3], [99, 993, 199], rtol=0.35)
    for frame in range(3):
        np.testing.assert_array_equal(truth[frame][0], spectra[frame, 0])
        np.testing.assert_array_equal(truth[frame][1], scalers[frame, 0])


def test_a_frame_dropped_while_it_waited_for_its_trigger_leaves_its_number(simulate, control):
    system = simulate()
    setup2(system, 2, 1, HARDWARE, pause=EXCL_FIRST)
    system.histogram_start(-1)
    edge(control)
    after(control, 100)
    system.itfg_stop(0)
    system.itfg_start(0)
    for _ in range(3):
        edge(control)
        after(control, 50)

    assert system.progress() == 2
    assert total_ticks(system, 2) == [50, 48]


def test_the_length_of_a_cut_frame_is_not_that_of_the_next_one_in_its_place(simulate, control):
    system = simulate(num_tf=4, cut_frame="report")
    system.setup(5, 98, BURST, flags=CIRCULAR)
    system.histogram_start(-1)
    after(control, 250)
    system.itfg_stop(0)  # frame 2 has 50 ticks
    cut = total_ticks(system, 3)
    system.itfg_start(0)  # 3 to 7
    after(control, 1000)

    assert cut == [98, 98, 50]
    assert system.progress() == 8
    assert total_ticks(system, 4) == [98] * 4
