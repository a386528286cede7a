"""Frame numbers that the frame-zero input starts again: what the ring's books say then."""

from __future__ import annotations

import pytest

from tests.sim.conftest import CIRCULAR, TICK
from xspress3.sdk._sdk import ffi

TTL_BOTH = 5


@pytest.fixture
def gated(simulate, control):
    """Gates of 10 ticks with gaps of 10, each a frame, in a ring of 8."""

    def make(**described):
        system = simulate(num_tf=8, **described)
        system.set_run_flags(CIRCULAR)
        system.set_glob_timeA(0, TTL_BOTH)
        system.histogram_start(-1)
        return system

    return make


@pytest.fixture
def gates(control):
    def send(n, *, is_frame_zero=False):
        control.ttl(0, is_frame_zero)
        for _ in range(n):
            control.ttl(1, True)
            control.advance(10 * TICK)
            control.ttl(1, False)
            control.advance(10 * TICK)
            control.ttl(0, False)

    return send


def places(system, first=0, n=8):
    block = ffi.new("Xsp3TFStatus[]", n)
    assert system.histogram_get_tf_status_block(0, first, n, block) == 0
    return [(place.time_frame, place.state) for place in block]


def test_a_place_that_is_filled_again_has_been_used_twice(gated, gates):
    system = gated()
    gates(5)
    gates(3, is_frame_zero=True)

    assert system.progress() == 3
    assert places(system) == [(0, 2), (1, 2), (2, 2), (3, 1), (4, 1), (0, 0), (0, 0), (0, 0)]
    assert system.overrun() == (3, 0)


def test_what_was_acknowledged_before_has_been_used_once(gated, gates):
    system = gated()
    gates(5)
    system.histogram_circ_ack(0, 0, 4, 2)
    gates(3, is_frame_zero=True)

    assert places(system, n=4) == [(0, 1), (1, 1), (2, 2), (3, 1)]
    assert system.overrun() == (1, 2)


def test_numbers_that_overtake_where_they_were_still_show(gated, gates):
    system = gated()
    gates(2)
    gates(4, is_frame_zero=True)

    assert system.progress() == 4
    assert places(system, n=5) == [(0, 2), (1, 2), (2, 1), (3, 1), (0, 0)]


def test_frame_zero_at_the_first_gate_changes_nothing(gated, gates):
    system = gated()
    gates(4, is_frame_zero=True)

    assert places(system, n=5) == [(0, 1), (1, 1), (2, 1), (3, 1), (0, 0)]
    assert system.overrun() == (0, 0)


def test_a_mini_stops_when_it_would_overwrite_what_was_not_acknowledged(gated, gates):
    system = gated(generation="mini")
    gates(5)
    system.histogram_circ_ack(0, 0, 4, 2)
    gates(6, is_frame_zero=True)

    assert system.progress() == 2
    assert system.overrun() == (1, 2)
