"""The internal timing generator: what starts frames, what is refused, its status. 80 MHz, manual clock."""

from __future__ import annotations

import pytest

from tests.sim.conftest import (
    BURST,
    CIRCULAR,
    HARDWARE,
    HARDWARE_ONLY_FIRST,
    SOFTWARE,
    SOFTWARE_ONLY_FIRST,
    TICK,
)
from tests.sim.generator import (
    ALL,
    COUNTING,
    FINISHED,
    OFF,
    PAUSED,
    RUNNING,
    after,
    edge,
    status,
)
from xspress3.sdk._sdk import ffi


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
