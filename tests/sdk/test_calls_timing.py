"""Methods of timing registers and the timing generator do what their C functions do."""

from __future__ import annotations

import pytest

from tests.sdk.conftest import CIRCULAR, run_frames
from xspress3.errors import ConfigurationError
from xspress3.sdk.calls.timing import ItfgSetup, TimingSetup
from xspress3.sdk.constants import (
    AcquireInPause,
    GapMode,
    ItfgCode,
    ItfgTrigger,
    SyncMode,
    TimingSource,
)


def test_timing_registers_are_read_back(sdk):
    sdk.set_glob_timeA(TimingSource.TTL_VETO_ONLY | 80 << 16)
    sdk.set_glob_timeFixed(5)

    assert sdk.get_glob_timeA() & 0x0FFFFFFF == TimingSource.TTL_VETO_ONLY | 80 << 16
    assert sdk.get_glob_timeFixed() == 5


def test_several_cards_are_timed_in_one_piece(open_sdk):
    sdk = open_sdk(n_cards=2, cards=2, channels=8)
    sdk.set_sync_mode(SyncMode.LEMO_DAISYCHAIN)

    sdk.set_timing(TimingSetup(TimingSource.INTERNAL, is_veto_inverted=True, debounce_ticks=33))

    leader, follower = sdk.get_glob_timeA(0), sdk.get_glob_timeA(1)
    assert (leader & 7, leader >> 16 & 255, leader >> 4 & 1) == (TimingSource.INTERNAL, 33, 1)
    assert follower & 7 == TimingSource.TTL_VETO_ONLY
    with pytest.raises(ConfigurationError, match=r"debounce_ticks=256, allowed is 0\.\.255"):
        sdk.set_timing(TimingSetup(TimingSource.INTERNAL, debounce_ticks=256))


def test_extras_of_the_timing_come_to_the_cards_they_are_for(open_sdk):
    sdk = open_sdk(n_cards=2, cards=2, channels=8)
    sdk.set_timing(
        TimingSetup(
            TimingSource.INTERNAL,
            others_debounce_ticks=44,
            loops_io=True,
            first_extra=0x5 << 24,
            others_extra=0x9 << 24,
        )
    )

    first, other = sdk.get_glob_timeA(0), sdk.get_glob_timeA(1)

    assert (first >> 24 & 15, first >> 7 & 1, first >> 16 & 255) == (5, 1, 0)
    assert (other >> 24 & 15, other >> 7 & 1, other >> 16 & 255) == (9, 0, 44)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"first_extra": 1 << 29}, "first_extra=0x20000000, allowed are the bits of 0xf00f000"),
        ({"others_extra": 3}, "others_extra=0x3, allowed are the bits"),
        ({"others_extra": -1}, r"others_extra=-1, allowed is 0\.\."),
        ({"others_debounce_ticks": 0}, r"others_debounce_ticks=0, allowed is 1\.\.255"),
        ({"others_debounce_ticks": 256}, "others_debounce_ticks=256"),
    ],
)
def test_extras_that_are_the_librarys_own_do_not_reach_it(sdk, fields, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        sdk.set_timing(TimingSetup(TimingSource.INTERNAL, **fields))


def test_the_timing_generator_is_read_back(sdk):
    setup = ItfgSetup(7, 1234, ItfgTrigger.HARDWARE, GapMode.GAP_500NS)
    sdk.itfg_setup2(setup, AcquireInPause.OFF, marker_period=4, marker_frame=3)

    assert sdk.itfg_get_setup() == setup
    assert sdk.has_itfg() is ItfgCode.COUNTS_TRIGGERS_MARKER
    with pytest.raises(ConfigurationError, match=r"marker_frame=4, allowed is 0\.\.3"):
        sdk.itfg_setup2(setup, marker_period=4, marker_frame=4)


def test_the_timing_generator_ends_and_begins_within_a_run(open_sdk):
    sdk = open_sdk(clock="manual")
    run_frames(sdk, 0)
    sdk.itfg_stop()
    sdk.itfg_start()

    assert sdk.get_glob_time_statA() & 1 << 25  # running


def test_markers_come_every_so_many_frames(sdk):
    sdk.set_run_flags(CIRCULAR)
    sdk.format_run()
    sdk.set_glob_timeA(TimingSource.INTERNAL)
    sdk.library.call("xsp3_set_glob_timeFixed", sdk.handle, 0, 2 << 30)  # markers of the generator
    setup = ItfgSetup(8, 1000, ItfgTrigger.BURST, GapMode.GAP_1US)
    sdk.itfg_setup2(setup, marker_period=4, marker_frame=1)
    sdk.histogram_start()

    is_marked = sdk.get_tf_markers(0, 0, 8) != 0

    assert is_marked.tolist() == [False, True, False, False, False, True, False, False]
    assert (sdk.get_tf_status_block(0, 0, 8)["markers"] != 0).tolist() == is_marked.tolist()
