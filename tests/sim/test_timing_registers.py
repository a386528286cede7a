"""Timing registers and how cards are wired: what is written where, and read back."""

from __future__ import annotations

import pytest

from tests.sim.conftest import TICK
from xspress3.sdk._sdk import ffi

RUN, COUNT_ENB = 1 << 31, 1 << 29


def read(system, name, card=0):
    word = ffi.new("uint32_t *")
    assert getattr(system, f"get_glob_{name}")(card, word) == 0, system.library.text()
    return word[0]


def timing(**fields):
    return ffi.new("Xsp3Timing *", fields)


def test_registers_are_read_back_with_the_bits_of_the_run(simulate):
    system = simulate(cards=2, ncards=2)
    system.set_glob_timeA(-1, 1 | 80 << 16)
    system.set_glob_timeFixed(1, 7)
    words = [read(system, "timeA")]
    for call in ("arm", "continue", "pause", "start", "stop"):
        getattr(system, f"histogram_{call}")(-1)
        words.append(read(system, "timeA"))

    live = [0, RUN, RUN | COUNT_ENB, RUN, RUN | COUNT_ENB, 0]
    assert words == [1 | 80 << 16 | bits for bits in live]
    assert [read(system, "timeFixed", card) for card in (0, 1)] == [0, 7]


def test_run_bits_written_by_hand_end_or_pause_a_run_but_begin_none(simulate, control):
    system = simulate()
    system.set_glob_timeA(0, RUN | COUNT_ENB | 0)
    idle = read(system, "timeA")
    system.histogram_start(0)
    control.advance(100 * TICK)
    system.set_glob_timeA(0, RUN)  # as pause: frame 0 is complete
    paused = read(system, "timeA"), system.progress()
    system.set_glob_timeA(0, 0)

    assert idle == 0
    assert paused == (RUN, 1)
    assert read(system, "timeA") == 0


@pytest.mark.parametrize(
    ("generation", "frequency"), [("3", 80_000_000), ("mini", 80_000_000), ("4", 100_000_000)]
)
def test_the_clock_is_measured(simulate, generation, frequency):
    assert simulate(generation=generation).measure_clock_frequency(0) == frequency


@pytest.mark.parametrize(("gap", "debounce"), [(0, 0), (1, 10), (2, 30), (3, 70)])
def test_set_timing_makes_the_first_card_master_and_the_others_slaves(simulate, gap, debounce):
    system = simulate(cards=3, ncards=3)
    system.itfg_setup(0, 1, 100, 0, gap)
    setup = timing(
        t_src=1,
        fixed=9,
        inv_f0=1,
        inv_veto=1,
        loop_io=1,
        debounce=80,
        card0_a_extra=4 << 24,
        cardn_a_extra=2 << 24,
    )

    assert system.set_timing(setup) == 0
    assert [read(system, "timeA", card) for card in range(3)] == [
        0x04500099,  # ALT_TTL 4, debounce 0x50, LOOP_IO | VETO_INV | F0_INV, source 1
        0x02000004 | debounce << 16,
        0x02000004 | debounce << 16,
    ]
    assert [read(system, "timeFixed", card) for card in range(3)] == [9, 9, 9]


@pytest.mark.parametrize(("sync_mode", "slave"), [(0, 4), (1, 4), (2, 4), (3, 3), (4, 4 | 1 << 15), (5, 4)])
def test_slaves_listen_where_they_are_wired(simulate, sync_mode, slave):
    system = simulate(cards=2, ncards=2)
    assert system.set_sync_mode(sync_mode, 1, 1) == 0
    assert system.set_timing(timing(t_src=4, debounce=80, override_debounce_other=5)) == 0

    assert [read(system, "timeA", card) for card in (0, 1)] == [4 | 80 << 16, slave | 5 << 16]


def test_the_run_of_odin_with_slaves_first(simulate, control):
    system = simulate(cards=3, ncards=3, channels=12)
    assert system.set_sync_mode(4, 0, 0) == 0
    assert system.set_timing(timing(t_src=1)) == 0
    assert system.itfg_setup(0, 5, 1000, 0, 3) == 0
    for card in (1, 2, 0):
        assert system.histogram_start(card) == 0
    control.advance(4 * 1080 * TICK + 1000 * TICK)

    assert system.progress() == 5
    assert (system.scalers(0, 5)[..., 8] == 1000).all()
