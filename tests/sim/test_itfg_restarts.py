"""The timing generator is stopped and started within a run; frames that are cut off. 80 MHz, manual clock."""

from __future__ import annotations

import numpy as np
import pytest

from tests.sim.conftest import (
    BURST,
    CIRCULAR,
    HARDWARE,
    TICK,
)
from tests.sim.generator import (
    EXCL_FIRST,
    FINISHED,
    RUNNING,
    after,
    edge,
    setup2,
    status,
    total_ticks,
)


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
