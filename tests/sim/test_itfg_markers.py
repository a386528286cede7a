"""Markers of frames: of the generator, of the software, of inputs. 80 MHz, manual clock."""

from __future__ import annotations

import pytest

from tests.sim.conftest import (
    BURST,
    CIRCULAR,
    PLAIN,
)
from tests.sim.generator import (
    after,
    setup2,
)
from xspress3.sdk._sdk import ffi


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
