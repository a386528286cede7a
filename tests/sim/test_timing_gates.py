"""Frames that a gate or the software holds open: inputs, debounce, numbers; 80 MHz, manual clock."""

from __future__ import annotations

import pytest

from tests.sim.conftest import CIRCULAR, HARDWARE, PLAIN, TICK
from xspress3.errors import SdkError
from xspress3.sdk._sdk import ffi

SOFTWARE, IDC, TTL_VETO, TTL_BOTH, LVDS_VETO, LVDS_BOTH = 0, 3, 4, 5, 6, 7
F0_INV, VETO_INV = 1 << 3, 1 << 4


def after(control, ticks):
    control.advance(ticks * TICK)


def begin(simulate, time_a, fixed=0, flags=PLAIN, **described):
    system = simulate(**described)
    assert system.set_run_flags(flags) == 0
    assert system.set_glob_timeA(0, time_a) == 0
    assert system.set_glob_timeFixed(0, fixed) == 0
    assert system.histogram_start(-1) == 0
    return system


def total_ticks(system, n, first=0):
    scalers = system.scalers(first, n)
    assert (scalers[..., 0] == scalers[..., 8]).all()
    return scalers[:, 0, 8].tolist()


@pytest.mark.parametrize(("source", "gate"), [(TTL_VETO, 1), (TTL_BOTH, 1), (LVDS_VETO, 9), (LVDS_BOTH, 9)])
def test_a_frame_for_each_gate_as_long_as_it_is_high(simulate, control, source, gate):
    system = begin(simulate, source)
    for ticks in (10, 250, 3):
        control.ttl(gate, True)
        after(control, ticks)
        control.ttl(gate, False)
        after(control, 100)

    assert system.progress() == 3
    assert total_ticks(system, 3) == [10, 250, 3]
    assert (system.spectra(0, 3)[:, 0, 0] >> 16).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("source", "gate", "other"), [(TTL_BOTH, 1, 9), (LVDS_VETO, 9, 1), (LVDS_BOTH, 9, 1)]
)
def test_gates_come_on_the_input_that_the_run_looks_at(simulate, control, source, gate, other):
    system = begin(simulate, source)
    control.gates(30 * TICK, 10 * TICK, 3)
    after(control, 15)
    control.ttl(other, True)  # touches none of them
    control.ttl(other, False)
    after(control, 200)
    assert total_ticks(system, 3) == [30, 30, 30]

    control.gates(30 * TICK, 10 * TICK, 3)
    after(control, 15)
    control.ttl(gate, False)  # ends them
    after(control, 200)

    assert (system.progress(), total_ticks(system, 1, 3)) == (4, [15])


def test_gates_go_over_to_the_input_of_the_next_run(simulate, control):
    system = begin(simulate, TTL_VETO)
    control.gates(100 * TICK, 100 * TICK, 5)
    after(control, 50)
    assert system.histogram_stop(-1) == 0
    assert system.set_glob_timeA(0, LVDS_VETO) == 0
    assert system.histogram_start(-1) == 0

    control.gates(30 * TICK, 10 * TICK, 2)
    after(control, 500)

    assert (system.progress(), total_ticks(system, 2)) == (2, [30, 30])


def test_the_debounce_of_1_us_that_clients_use(simulate, control):
    system = begin(simulate, TTL_VETO | 80 << 16)
    control.gates(79 * TICK, 200 * TICK, 5)  # too short, all of them
    after(control, 2000)
    short = system.progress()
    control.gates(200 * TICK, 79 * TICK, 5)  # gaps too short: one gate of 4 * 279 + 200
    after(control, 4 * 279 + 200 + 79)
    before = system.progress()
    after(control, 1)
    after_it = system.progress()
    after(control, 100)
    control.gates(80 * TICK, 80 * TICK, 3)  # just long enough: falling edges settle at 160, 320, 480
    counts = []
    for ticks in (159, 1, 159, 1, 159, 1):
        after(control, ticks)
        counts.append(system.progress())

    assert (short, before, after_it) == (0, 0, 1)
    assert counts == [1, 2, 2, 3, 3, 4]
    assert total_ticks(system, 4) == [1316, 80, 80, 80]


def test_an_active_low_gate_from_a_level_that_is_high(simulate, control):
    system = simulate()
    control.ttl(1, True)
    system.set_glob_timeA(0, TTL_VETO | VETO_INV)
    system.histogram_start(-1)
    control.gates(40 * TICK, 60 * TICK, 3)
    after(control, 1000)

    assert total_ticks(system, 3) == [40, 40, 40]
    assert system.progress() == 3


@pytest.mark.parametrize(("source", "zero", "gate"), [(TTL_BOTH, 0, 1), (LVDS_BOTH, 8, 9)])
@pytest.mark.parametrize("inverted", [False, True])
def test_frame_zero_starts_the_numbers_again(simulate, control, source, zero, gate, inverted):
    system = simulate()
    control.ttl(zero, inverted)
    system.set_glob_timeA(0, source | (F0_INV if inverted else 0))
    system.set_glob_timeFixed(0, 2)
    system.histogram_start(-1)
    counts = []
    for is_zero in (True, False, False, True, False):
        control.ttl(zero, is_zero != inverted)
        control.ttl(gate, True)
        after(control, 10)
        control.ttl(gate, False)
        control.ttl(zero, inverted)
        counts.append(system.progress())
        after(control, 10)

    assert counts == [3, 4, 5, 3, 4]


def test_only_both_looks_at_frame_zero(simulate, control):
    system = begin(simulate, TTL_VETO)
    control.ttl(0, True)
    control.gates(10 * TICK, 10 * TICK, 5)
    after(control, 1000)

    assert system.progress() == 5


def test_the_first_frame_has_the_number_of_the_register(simulate, control):
    system = begin(simulate, TTL_VETO, fixed=10, flags=CIRCULAR, num_tf=8)
    start = system.progress()
    control.gates(50 * TICK, 50 * TICK, 12)
    after(control, 75)  # the first one is over
    first = system.progress()
    after(control, 700)  # frames 10 to 17: all places of the ring
    full = system.progress(), system.overrun()
    block = ffi.new("Xsp3TFStatus[]", 8)
    assert system.histogram_get_tf_status_block(0, 10, 8, block) == 0
    after(control, 50)  # frame 18 takes the place of 10

    assert (start, first, full) == (0, 11, (18, (0, 0)))
    assert [(place.state, place.time_frame) for place in block] == [(1, frame) for frame in range(10, 18)]
    assert system.overrun() == (1, 10)
    assert (system.spectra(10, 8)[:, 0, 0] >> 16).tolist() == [0, 11, 12, 13, 14, 15, 16, 17]


def test_without_a_ring_gates_beyond_the_memory_are_no_frames(simulate, control):
    system = begin(simulate, TTL_VETO, num_tf=4)
    control.gates(10 * TICK, 10 * TICK, 10)
    after(control, 1000)

    assert system.progress() == 4


@pytest.mark.parametrize(("cut_frame", "expected"), [("drop", [30]), ("report", [30, 25])])
def test_a_gate_cut_off_by_stop(simulate, control, cut_frame, expected):
    system = begin(simulate, TTL_VETO, cut_frame=cut_frame)
    control.gates(30 * TICK, 30 * TICK, 9)
    after(control, 85)
    system.histogram_stop(-1)
    after(control, 1000)

    assert system.progress() == len(expected)
    assert total_ticks(system, len(expected)) == expected


def test_gates_do_not_count_before_the_count_is_enabled(simulate, control):
    system = simulate()
    system.set_glob_timeA(0, TTL_VETO)
    system.histogram_arm(-1)
    control.gates(30 * TICK, 30 * TICK, 1)
    after(control, 100)
    armed = system.progress()
    system.histogram_continue(-1)
    system.histogram_pause(-1)  # nothing to gates
    control.gates(30 * TICK, 30 * TICK, 1)
    after(control, 100)

    assert (armed, system.progress()) == (0, 1)


def test_the_software_holds_frames_open(simulate, control):
    system = begin(simulate, SOFTWARE, fixed=5)
    after(control, 100)
    counts = [system.progress()]
    system.histogram_pause(-1)  # frame 5 is complete
    counts.append(system.progress())
    after(control, 1000)
    system.histogram_continue(-1)  # frame 6
    after(control, 200)
    system.histogram_continue(-1)
    counts.append(system.progress())
    system.histogram_pause(-1)
    system.histogram_continue(-1)  # frame 7
    after(control, 300)
    system.histogram_stop(-1)  # closes it, whatever CUT_FRAME says
    counts.append(system.progress())

    assert counts == [0, 6, 6, 8]
    assert total_ticks(system, 3, first=5) == [100, 200, 300]
    assert total_ticks(system, 5) == [0] * 5  # never were


def test_after_arm_the_software_counts_with_the_first_continue(simulate, control):
    system = simulate()
    system.set_glob_timeA(0, SOFTWARE)
    system.histogram_arm(-1)
    after(control, 100)
    system.histogram_continue(-1)
    after(control, 40)
    system.histogram_pause(-1)

    assert system.progress() == 1
    assert total_ticks(system, 1) == [40]


@pytest.mark.parametrize("source", [2, IDC])
def test_sources_that_are_not_simulated_wait(simulate, control, source):
    system = begin(simulate, source)
    control.gates(10 * TICK, 10 * TICK, 10)
    system.trigger()
    after(control, 1000)

    assert system.progress() == 0
    assert system.histogram_stop(-1) == 0


def test_a_new_start_forgets_lengths_and_an_open_frame(simulate, control):
    system = begin(simulate, TTL_VETO)
    control.gates(30 * TICK, 30 * TICK, 3)
    after(control, 130)  # in the third one
    system.setup(3, 98)
    system.histogram_start(-1)
    after(control, 1000)

    assert system.progress() == 3
    assert total_ticks(system, 3) == [98, 98, 98]


def test_in_the_real_clock_gates_come_by_themselves(simulate, control):
    system = begin(simulate, TTL_VETO, clock="real")
    control.gates(2e-4, 1e-4, 20)
    seen = 0
    while seen < 20:
        seen = system.progress()

    assert total_ticks(system, 20) == [16_000] * 20  # to the tick, however late somebody looks


def test_on_demand_gates_have_their_length(simulate, control):
    system = begin(simulate, TTL_VETO | 80 << 16, clock="demand", flags=CIRCULAR, num_tf=4)
    control.gates(0.5, 0.1, 10)
    lengths = []
    for frame in range(10):
        assert system.progress() == min(4 + frame, 10)
        lengths += total_ticks(system, 1, first=frame)
        assert system.histogram_circ_ack(0, frame, 4, 1) == 0

    assert lengths == [40_000_000] * 10


@pytest.mark.parametrize("sequence", ["maxiv", "lima"])
def test_the_gated_runs_of_the_clients(simulate, control, sequence):
    """Section 10: EXTERNAL_MULTI_GATE of maxiv, ExtGate of Lima; both with 80 ticks of debounce."""
    n_cards, card = (1, 0) if sequence == "maxiv" else (2, -1)
    system = simulate(cards=n_cards, ncards=n_cards)
    assert system.set_glob_timeA(card, TTL_VETO | 80 << 16) == 0
    assert system.set_glob_timeFixed(card, 0) == 0
    assert system.histogram_clear(0, 4, 0, 20) == 0
    assert system.histogram_start(card) == 0
    control.gates(1e-3, 1e-3, 20)
    control.advance(1)

    assert system.progress() == 20
    assert total_ticks(system, 20) == [80_000] * 20


def test_on_demand_triggers_beyond_the_last_frame_are_not_kept_for_the_next_run(simulate, control):
    system = simulate(clock="demand", num_tf=4)
    system.setup(4, 98, trigger=HARDWARE, flags=CIRCULAR)
    system.histogram_start(-1)
    control.edges(10, 1e-3)
    first = system.progress()
    system.histogram_start(-1)

    assert (first, system.progress()) == (4, 0)


def test_pulses_that_are_ended_in_the_middle_of_one_leave_the_level_as_it_was(simulate, control):
    system = begin(simulate, TTL_VETO)
    control.gates(30 * TICK, 30 * TICK, 3)
    after(control, 70)  # in the second one
    control.gates(20 * TICK, 30 * TICK, 1)  # which goes on for 20
    after(control, 5)
    control.edges(0, 1.0)
    after(control, 100)

    assert system.progress() == 2
    assert total_ticks(system, 2) == [30, 15]


def test_inputs_that_are_not_there_are_refused_in_words(simulate, control):
    with pytest.raises(SdkError, match=r"xsp3sim_edges gave -1 .*no system is open"):
        control.edges(1, 1.0)
    simulate()

    with pytest.raises(SdkError, match=r"xsp3sim_ttl .*input=4: allowed is 0\.\.3 \(TTL\), 8 and 9 \(LVDS\)"):
        control.ttl(4, True)
    with pytest.raises(SdkError, match=r"xsp3sim_gates .*high=0 low=1 out of range"):
        control.gates(0.0, 1.0, 1)
