"""Seconds become ticks as an Xspress3 counts them, and what cannot be is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xspress3.detector.timing import itfg_words
from xspress3.errors import ConfigurationError
from xspress3.model import Acquisition, TriggerMode
from xspress3.sdk.constants import GapMode, ItfgTrigger

TICK_80_MHZ = 12.5e-9
TICK_100_MHZ = 10e-9


def acquire(exposure_time, latency_time=0.0, **fields):
    return Acquisition(exposure_time=exposure_time, latency_time=latency_time, **fields)


@pytest.mark.parametrize(
    ("exposure_time", "latency_time", "clock_period", "ticks", "gap"),
    [
        # 0.1 s are 8,000,000 ticks of 12.5 ns; the shortest gap takes 2 of them.
        (0.1, 0.0, TICK_80_MHZ, 7_999_998, GapMode.GAP_25NS),
        (0.1, 0.0, TICK_100_MHZ, 9_999_998, GapMode.GAP_25NS),
        (0.1, 25e-9, TICK_80_MHZ, 7_999_998, GapMode.GAP_25NS),
        (0.1, 26e-9, TICK_80_MHZ, 7_999_998, GapMode.GAP_25NS),
        (0.1, 100e-9, TICK_80_MHZ, 7_999_984, GapMode.GAP_200NS),
        (0.1, 500e-9, TICK_80_MHZ, 7_999_960, GapMode.GAP_500NS),
        (0.1, 1e-6, TICK_80_MHZ, 7_999_920, GapMode.GAP_1US),
        # 1e-6 s are 80 ticks, less 2.
        (1e-6, 0.0, TICK_80_MHZ, 78, GapMode.GAP_25NS),
    ],
)
def test_ticks_and_gap_by_hand(exposure_time, latency_time, clock_period, ticks, gap):
    words = itfg_words(acquire(exposure_time, latency_time), clock_period)

    assert (words.collection_ticks, words.gap) == (ticks, gap)


def test_a_pause_longer_than_any_gap_is_made_by_the_trigger():
    words = itfg_words(acquire(0.1, 1e-3, trigger_mode=TriggerMode.SOFTWARE), TICK_80_MHZ)

    assert (words.collection_ticks, words.gap) == (7_920_000, GapMode.GAP_1US)


def test_a_pause_longer_than_any_gap_is_refused_where_nothing_makes_it():
    with pytest.raises(ConfigurationError, match=r"latency_time: 0.001 s .* allowed is up to 1e-06 s"):
        itfg_words(acquire(0.1, 1e-3), TICK_80_MHZ)


def test_ticks_are_rounded_to_the_nearest():
    # 0.3 s / 12.5 ns is 23,999,999.999... in binary fractions; cutting it off would lose a tick.
    assert itfg_words(acquire(0.3), TICK_80_MHZ).collection_ticks == 24_000_000 - 2


def test_what_the_hardware_does_is_told_in_seconds():
    timing = itfg_words(acquire(0.1, 1e-6), TICK_80_MHZ).timing(TICK_80_MHZ)

    assert timing.counting_time == pytest.approx(0.099999)
    assert timing.period == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("fields", "trigger"),
    [
        ({"frames_per_trigger": 10}, ItfgTrigger.BURST),
        ({"frames_per_trigger": 10, "trigger_mode": TriggerMode.SOFTWARE}, ItfgTrigger.SOFTWARE_ONLY_FIRST),
        ({"n_triggers": 10, "trigger_mode": TriggerMode.SOFTWARE}, ItfgTrigger.SOFTWARE),
    ],
)
def test_what_is_waited_for_follows_from_triggers_and_frames(fields, trigger):
    words = itfg_words(acquire(0.1, **fields), TICK_80_MHZ)

    assert (words.trigger, words.n_frames) == (trigger, 10)


@pytest.mark.parametrize(
    ("exposure_time", "latency_time"), [(12.5e-9, 0.0), (30e-9, 0.0), (54.0, 0.0), (1.001e-6, 0.99e-6)]
)
def test_a_counting_time_that_no_register_can_hold_is_refused_with_what_is_allowed(
    exposure_time, latency_time
):
    with pytest.raises(ConfigurationError, match=rf"exposure_time: {exposure_time} s .* allowed is .* s to"):
        itfg_words(acquire(exposure_time, latency_time), TICK_80_MHZ)


@given(st.floats(1e-6, 40), st.floats(0, 0.5), st.sampled_from([TICK_80_MHZ, TICK_100_MHZ]))
def test_the_period_comes_back_to_the_tick_while_a_gap_of_the_hardware_will_do(exposure, part, tick):
    latency = min(part * exposure, GapMode.GAP_1US.ticks * tick)

    timing = itfg_words(acquire(exposure, latency), tick).timing(tick)

    assert timing.period >= exposure - 0.501 * tick
    assert timing.counting_time <= exposure - latency + 0.501 * tick
