"""Numbers that have no name: given to the library, or by it."""

from __future__ import annotations

import pytest

from xspress3.errors import ConfigurationError, SdkError
from xspress3.sdk import Sdk, open_library
from xspress3.sdk.calls.timing import ItfgSetup, TimingSetup
from xspress3.sdk.constants import (
    ClockFlag,
    ClockSource,
    GapMode,
    ItfgTrigger,
)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda sdk: sdk.set_run_flags(0x7777), r"flags=30583, allowed are the bits PLAYBACK \(1\), .*256\)"),
        (lambda sdk: sdk.clocks_setup(7, ClockFlag.MASTER), r"source=7, allowed is INT \(0\), .*\(33\)"),
        (lambda sdk: sdk.clocks_setup(ClockSource.XTAL, 1 << 29), r"flags=536870912, allowed are the bits"),
        (lambda sdk: sdk.set_sync_mode(6), r"mode=6, allowed is NONE \(0\), .*LEMO_DAISYCHAIN_TEE \(5\)"),
        (lambda sdk: sdk.set_sync_mode(1, True, 16), r"reset_card=16, allowed is 0\.\.15"),
        (
            lambda sdk: sdk.set_timing(TimingSetup(8)),
            r"source=8, allowed is SOFTWARE \(0\), .*LVDS_BOTH \(7\)",
        ),
        (
            lambda sdk: sdk.itfg_setup2(ItfgSetup(1, 100, ItfgTrigger.BURST, GapMode.GAP_1US), 3),
            r"in_pause=3, allowed is OFF \(0\), ALL \(1\), EXCEPT_FIRST \(2\)",
        ),
        (
            lambda sdk: Sdk.config_init(sdk.library, do_init=2),
            r"do_init=2, allowed are the bits NORMAL \(1\)",
        ),
        (
            lambda sdk: Sdk.config_init(sdk.library, readout=8),
            r"readout=8, allowed are the bits SEND_SCALARS",
        ),
        (lambda sdk: Sdk.config_init(sdk.library, dummy=5), r"dummy=5, allowed is REAL \(0\), .*X4 \(4\)"),
        (lambda sdk: sdk.close(unlink=3), r"unlink=3, allowed is NONE \(0\), CREATED \(1\), ALL \(2\)"),
    ],
)
def test_a_number_without_a_name_does_not_reach_the_library(sdk, call, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        call(sdk)


@pytest.mark.parametrize("gives", [6, 9])
def test_a_code_that_a_newer_library_gives_is_told_with_those_that_are_known(compile_library, gives):
    path = compile_library(
        "libnew.so",
        f"""
        char *xsp3_get_error_message(void) {{ return ""; }}
        int xsp3_has_itfg(int path, int card) {{ return {gives}; }}
        int xsp3_get_generation(int path, int card) {{ return {gives}; }}
        int xsp3_itfg_get_setup(int path, int card, int *n, unsigned *t, int *trigger, int *gap)
        {{ *n = 1; *t = 100; *trigger = 4; *gap = 0; return 0; }}
        """,
    )
    sdk = Sdk(open_library(path), 0)

    with pytest.raises(SdkError, match=rf"xsp3_has_itfg .*code={gives}, known is NONE \(0\), .*FULL \(8\)"):
        sdk.has_itfg()
    with pytest.raises(SdkError, match=rf"generation={gives}, known is XSPRESS3 \(0\), .*XSPRESS4 \(3\)"):
        sdk.get_generation()
    with pytest.raises(SdkError, match=r"xsp3_itfg_get_setup .*trigger=4, known is BURST \(0\)"):
        sdk.itfg_get_setup()
