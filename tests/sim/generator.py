"""Steps of the tests of the timing generator, at 80 MHz with the manual clock."""

from __future__ import annotations

from tests.sim.conftest import (
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
