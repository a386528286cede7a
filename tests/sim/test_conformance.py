"""The conformance list of the contract, where no other module has its line: reads, progress, two clients."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.sim.conftest import BURST, CIRCULAR, FOLLOW, SOFTWARE, TICK, words
from xspress3.sdk._sdk import ffi

NULL = ffi.NULL
RING = 64
PERIOD = 100 * TICK


def pattern(frames, channels, bins):
    """The formula of xsp3_api.h."""
    f, c, b = np.ix_(np.asarray(frames) & 0xFFFF, channels, bins)
    return (f << 16 | c << 12 | b).astype("<u4")


@pytest.fixture
def running(simulate, control):
    """A ring of 64 that has come round: so many frames of 98 ticks are complete, and one more has begun."""

    def make(n_frames, **described):
        system = simulate(**described)
        system.setup(n_frames=0, ticks=98, flags=CIRCULAR)
        system.histogram_start(-1)
        control.advance(n_frames * PERIOD)
        return system

    return make


READS = ["histogram_read3d", "histogram_read4d", "histogram_read_chan", "scaler_read"]


def read(system, function, first, n):
    """Channel 2 of n frames: bins 100 to 109, or the scaler of all events: 24 bits of the frame number."""
    tf = first & 0xFFFFFFFF
    out = np.zeros((n, 1, 1 if function == "scaler_read" else 10), "<u4")
    arguments = {
        "histogram_read3d": (100, 2, tf, 10, 1, n),
        "histogram_read4d": (100, 0, 2, tf, 10, 1, 1, n),
        "histogram_read_chan": (2, 100, 0, tf, 10, 1, n),
        "scaler_read": (3, 2, tf, 1, 1, n),
    }[function]
    return getattr(system, function)(words(out), *arguments), out


def expected(function, first, n):
    frames = np.arange(first, first + n)
    if function == "scaler_read":
        return (frames & 0xFFFFFF).astype("<u4").reshape(n, 1, 1)
    return pattern(frames, [2], range(100, 110))


@pytest.mark.parametrize("function", READS)
@pytest.mark.parametrize(
    ("first", "n"),
    [(70, 1), (100, 28), (120, 20), (77, 63)],
    ids=["one", "to the end", "across", "nearly all"],
)
def test_every_read_wraps_in_the_ring_and_keeps_the_layout(running, function, first, n):
    system = running(140)

    code, out = read(system, function, first, n)

    assert code == 0
    np.testing.assert_array_equal(out, expected(function, first, n) if first > 76 else out)
    if first <= 76:  # frame 70 has been overwritten by 134, and nothing says so
        np.testing.assert_array_equal(out, expected(function, first + RING, n))


@pytest.mark.parametrize("function", READS)
def test_no_read_takes_more_frames_than_the_ring_has(running, library, function):
    system = running(140)

    code, _ = read(system, function, 100, RING + 1)

    assert code == -6
    assert "DOES NOT FIT IN" in library.text()


@pytest.mark.parametrize("function", READS)
def test_numbers_beyond_32_bits_wrap_where_the_ring_is_a_power_of_two(running, function):
    system = running((1 << 32) + 20)
    first = (1 << 32) - 10

    code, out = read(system, function, first, 30)

    assert code == 0
    np.testing.assert_array_equal(out, expected(function, first, 30))


@pytest.mark.parametrize(
    ("n_frames", "shown"),
    [((1 << 31) - 1, (1 << 31) - 1), ((1 << 31) + 5, -(1 << 31) + 5), ((1 << 33) + 5, 5)],
)
def test_progress_is_cut_to_32_bits_but_for_its_details(running, n_frames, shown):
    system = running(n_frames)

    assert system.scaler_check_progress() == shown
    assert system.progress() == n_frames


@pytest.mark.parametrize("generation", ["3", "mini", "4"])
def test_progress_in_real_time_grows_and_reaches_the_end(simulate, generation):
    system = simulate(clock="real", generation=generation, channels=2, num_tf=256)
    system.setup(n_frames=200, ticks=8_000)
    system.histogram_start(-1)
    seen = [0]
    while seen[-1] < 200:
        seen.append(system.scaler_check_progress())

    assert seen == sorted(seen)
    assert system.progress() == 200


def test_the_software_triggers_of_epics_armed_and_started_twice(simulate, control, library):
    """Section 10 c: arm with handle 0, start, the generator set up again, started again."""
    system = simulate()
    assert system.handle == 0
    system.histogram_stop(-1)
    system.setup(3, 98, SOFTWARE, CIRCULAR, gap=3)
    assert library.histogram_arm(0, -1) == 0
    for _ in range(2):
        assert system.itfg_setup2(0, 3, 98, SOFTWARE, 3, 0, 0, 0) == 0
        assert system.histogram_start(-1) == 0
    counts = [system.progress()]
    control.advance(PERIOD)  # the start was the first edge
    counts.append(system.progress())
    for _ in range(3):
        system.histogram_pause(0)
        system.histogram_continue(-1)
        control.advance(2 * PERIOD)
        counts.append(system.progress())

    assert counts == [0, 1, 2, 3, 3]
    assert (system.spectra(0, 3)[:, 0, 0] >> 16).tolist() == [0, 1, 2]


def test_the_loop_of_odin_with_workers_on_channels_of_their_own(simulate, library, control):
    """Section 10 d, as far as it needs the library alone: two cards, threads that read at the same time."""
    system = simulate(cards=2, ncards=2, channels=8, num_tf=RING)
    assert system.set_sync_mode(1, 0, 0) == 0
    assert system.itfg_setup(0, 1000, 98, BURST, 3) == 0
    assert system.set_timing([{"t_src": 1, "debounce": 80}]) == 0
    assert system.set_run_flags(CIRCULAR) == 0
    assert system.format_run(-1, 0, 0, 0, 0, 0, 12) == RING
    assert [system.histogram_start(card) for card in (1, 0)] == [0, 0]
    assert system.get_glob_timeA(1, word := ffi.new("uint32_t *")) == 0
    flags, furthest = ffi.new("uint32_t *"), ffi.new("int64_t *")
    done = 0

    def work(channel):
        out, scalers = np.zeros((32, 2, 4096), "<u4"), np.zeros((32, 2, 9), "<u4")
        assert system.histogram_read4d(words(out), 0, 0, channel, done, 4096, 1, 2, 32) == 0
        assert system.scaler_read(words(scalers), 0, channel, done, 9, 2, 32) == 0
        return out

    with ThreadPoolExecutor(4) as pool:
        while done < 960:
            control.advance(32 * 178 * TICK)
            complete = system.scaler_check_progress_details(flags, 0, furthest)
            assert (complete, furthest[0], flags[0]) == (done + 32, done + 32, 0)
            blocks = list(pool.map(work, (0, 2, 4, 6)))
            found = np.concatenate(blocks, axis=1)
            np.testing.assert_array_equal(found, pattern(range(done, done + 32), range(8), range(4096)))
            assert system.histogram_circ_ack(0, done, 8, 32) == 0
            done += 32

    assert word[0] & 7 == FOLLOW
    assert system.overrun() == (0, 0)
    assert library.close(system.handle, 2) == 0
