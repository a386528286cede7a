"""The timing generator acquires in pauses: triggers divide frames. 80 MHz, manual clock."""

from __future__ import annotations

from tests.sim.conftest import (
    CIRCULAR,
    HARDWARE,
    HARDWARE_ONLY_FIRST,
    TICK,
)
from tests.sim.generator import (
    ALL,
    EXCL_FIRST,
    FINISHED,
    after,
    edge,
    setup2,
    status,
    total_ticks,
)


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
