"""Faults on request: each does what it says, once or until it is taken back, and says what is allowed."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.sim.conftest import CIRCULAR, TICK, config_arguments, words
from tests.sim.test_errors import WITH_HANDLE
from xspress3.errors import SdkError
from xspress3.sdk._sdk import ffi

NULL = ffi.NULL
CLOCK, TOTAL = 0, 8


@pytest.fixture(autouse=True)
def no_faults_left(control):
    yield
    control.fault("clear")


def started(simulate, n_frames=0, num_tf=8, flags=CIRCULAR, **description):
    system = simulate(num_tf=num_tf, **description)
    system.setup(n_frames=n_frames, ticks=98, flags=flags)
    system.histogram_start(-1)
    return system


# fail


@pytest.mark.parametrize("name", WITH_HANDLE)
def test_every_function_can_fail(simulate, library, control, name):
    system = simulate()
    control.fault(f"fail xsp3_{name} 1 -77 on request")

    assert getattr(system, name)(*WITH_HANDLE[name]) == -77
    assert library.text() == f"xsp3_{name}: on request"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_generation", (0,)),
        ("get_clock_period", (0,)),
        ("getDeadtimeCalculationEnergy", ()),
        ("calculateDeadtimeCorrectionFactors", (NULL, NULL, NULL, 0, 0, 0)),
        ("close", (0,)),
    ],
)
def test_functions_with_results_of_their_own_can_fail_too(simulate, library, control, name, arguments):
    system = simulate()
    control.fault(f"fail xsp3_{name} 1 -77 on request")

    assert getattr(system, name)(*arguments) == -77
    assert library.text() == f"xsp3_{name}: on request"
    assert system.get_num_chan() == 4


@pytest.mark.parametrize("name", ["config", "config_init"])
def test_configuring_can_fail(library, control, describe, name):
    describe(source="pattern")
    control.fault(f"fail xsp3_{name} 2 -9 not found")
    arguments = [*config_arguments(), 1, 0, 0][: 13 if name == "config_init" else 10]
    codes = []
    for _ in range(3):
        codes.append(getattr(library, name)(*arguments))
        library.close(0, 0)

    assert codes == [0, -9, 0]


def test_the_call_said_fails_and_no_other(simulate, control):
    system = simulate()
    control.fault("fail xsp3_set_run_flags 3 -1 third")
    control.fault("fail xsp3_set_run_flags 4 -2147483648 fourth")

    assert system.get_run_flags() == 12
    assert [system.set_run_flags(12) for _ in range(6)] == [0, 0, -1, -(2**31), 0, 0]


def test_a_text_may_hold_any_bytes(simulate, library, control):
    system = simulate()
    control.fault(r"fail xsp3_get_num_chan 1 -1 20 \xb0C \xFF;\n\x0a")

    assert system.get_num_chan() == -1
    assert ffi.string(library.get_error_message()) == b"xsp3_get_num_chan: 20 \xb0C \xff;\\n\n"


# frames


def test_a_stuck_channel_holds_progress_but_not_the_furthest_frame(simulate, control):
    system = started(simulate, n_frames=6)
    furthest = ffi.new("int64_t *")
    control.fault("stick 2 4")
    control.advance(1)

    assert system.scaler_check_progress_details(NULL, 1, furthest) == 4
    assert (furthest[0], system.scaler_check_progress()) == (6, 4)
    spectra = system.spectra(3, 3)
    assert (spectra[:, 1, 7] >> 16).tolist() == [3, 4, 5]
    assert (spectra[:, 2, 7] >> 16).tolist() == [3, 0, 0]
    assert system.scalers(4)[0, 2].tolist() == [0] * 9
    control.fault("clear")
    assert system.progress() == 6


def test_dropped_packets_shorten_the_live_time_and_are_counted(simulate, control):
    system = started(simulate, channels=4, cards=2, ncards=2)
    control.fault("drop 1 2 2 30")
    control.fault("drop 3 0 1 1000")
    control.advance(350 * TICK)  # 3 complete
    scalers = system.scalers(0, 3)

    assert scalers[:, 1, CLOCK].tolist() == [98, 98, 68]
    assert scalers[:, 3, CLOCK].tolist() == [0, 98, 98]
    assert (scalers[..., TOTAL] == 98).all()
    assert [system.histogram_get_dropped(channel) for channel in range(4)] == [1, 1, 1, 1]
    control.advance(100 * TICK)
    assert [system.histogram_get_dropped(channel) for channel in range(4)] == [2, 2, 1, 1]


def test_a_race_overtakes_the_reader_in_the_middle_of_its_read(simulate, control):
    system = started(simulate, num_tf=8)
    control.advance(450 * TICK)
    control.fault("race 8")
    frames = system.spectra(0, 4)[:, 0, 0] >> 16

    assert frames.tolist() == [0, 1, 10, 11]
    assert system.progress() == 12
    assert system.overrun() == (5, 0)  # 13 begun in a ring of 8
    control.advance(1000 * TICK)
    assert system.progress() == 14  # the clock is right again
    assert (system.spectra(5)[0, 0, 0] >> 16) == 13


def test_a_race_brings_no_more_frames_than_the_run_has(simulate, control):
    system = started(simulate, n_frames=6, num_tf=4)
    control.advance(350 * TICK)
    control.fault("race 100")
    system.spectra(0, 4)

    assert system.progress() == 5  # the sixth counts still
    control.advance(1)
    assert system.progress() == 6


@pytest.mark.parametrize("clock", ["demand", "manual"])
def test_a_race_waits_for_a_read_of_a_single_frame_too(simulate, control, clock):
    system = started(simulate, num_tf=8, clock=clock)
    control.advance(800 * TICK)
    control.fault("race 8")
    assert system.scalers(1)[0, 0, 3] == 1
    out = np.zeros(1)

    assert system.progress() == 8
    assert system.hist_dtc_read4d(ffi.from_buffer("double[]", out), NULL, 0, 0, 0, 1, 1, 1, 1, 1) == 0
    assert (system.progress(), system.scalers(1)[0, 0, 3]) == (16, 9)


def test_a_slow_clear_takes_its_time(simulate, control):
    system = simulate()
    control.fault("slow-clear 0.5")
    begin = time.monotonic()
    assert system.histogram_clear(9, 1, 0, 1) == -6  # nothing to clear, nothing to wait for
    refused = time.monotonic()
    assert system.histogram_clear(0, 4, 0, 64) == 0

    assert refused - begin < 0.4
    assert time.monotonic() - refused >= 0.5


# the link

HOST_ONLY = {
    "get_revision",
    "get_num_chan",
    "get_run_flags",
    "set_run_flags",
    "getDeadtimeCorrectionFlags",
    "get_chans_per_card",
}
MEMORY = {
    "histogram_read4d",
    "hist_dtc_read4d",
    "scaler_read",
    "histogram_circ_ack",
    "histogram_get_tf_status",
}
BOX = {
    "scaler_check_progress",
    "histogram_stop",
    "histogram_start",
    "set_window",
    "get_trigger_b",
    "i2c_read_adc_temp",
}


@pytest.mark.parametrize(("generation", "lost"), [("3", BOX), ("4", BOX), ("mini", BOX | MEMORY)])
def test_with_the_link_lost_all_fails_that_needs_the_box(simulate, control, library, generation, lost):
    system = started(simulate, n_frames=8, generation=generation)
    control.fault("lose-link 3")
    control.advance(250 * system.get_clock_period(0))
    assert system.progress() == 2
    control.advance(1)

    for name in sorted(HOST_ONLY | MEMORY | BOX):
        arguments = (0, 0, 4, 1) if name == "histogram_circ_ack" else WITH_HANDLE[name]
        code = getattr(system, name)(*arguments)
        assert code == -1 if name in lost else code >= 0, name
        if name in lost:
            assert library.text() == f"xsp3_{name}: link to card 0 lost: Connection reset by peer"


def test_frames_that_came_before_the_link_was_lost_are_there_and_no_others(simulate, control):
    system = started(simulate, n_frames=8)
    control.fault("lose-link 3")
    control.advance(1)

    assert (system.spectra(1, 4)[:, 1, 7] >> 16).tolist() == [1, 2, 0, 0]


def test_what_is_the_simulators_own_needs_no_link(simulate, control):
    system = started(simulate, n_frames=8)
    control.fault("lose-link 0")

    assert system.progress() == -1
    assert control.truth(system.handle, 0, 5)[0][7] == (5 << 16) + 7


def test_a_lost_link_is_lost_for_a_new_configuration_too(simulate, control, library):
    system = started(simulate, n_frames=8)
    control.fault("lose-link 3")
    control.advance(1)
    assert system.histogram_stop(-1) == -1
    library.close(system.handle, 0)

    assert library.config(*config_arguments(num_tf=8)) == -1
    assert "link to card 0 lost" in library.text()
    control.fault("clear")
    assert library.config(*config_arguments(num_tf=8)) == system.handle


def test_a_configuration_is_refused_until_that_is_cleared(library, control, describe):
    describe(source="pattern")
    control.fault("refuse-config the box is on \\x66ire")

    assert [library.config(*config_arguments()) for _ in range(2)] == [-1, -1]
    assert library.text() == "xsp3_config: the box is on fire"
    control.fault("clear")
    assert library.config(*config_arguments()) == 0
    library.close(0, 0)


# FAULTS


def test_faults_come_from_the_environment_once(simulate, library, describe):
    faults = " fail xsp3_get_num_chan 1 -5 a b ;; stick 0 2;fail xsp3_get_num_chan 2 -6 c;"
    system = simulate(faults=faults)
    first = [system.get_num_chan() for _ in range(3)]
    again = simulate(faults=faults, card_index=1).get_num_chan()
    other = simulate(faults="fail xsp3_get_num_chan 1 -7 d", card_index=2).get_num_chan()

    assert (first, again, other) == ([-5, -6, 4], 4, -7)


def test_faults_taken_out_of_the_environment_are_taken_back_and_others_stay(simulate, control, monkeypatch):
    control.fault("fail xsp3_get_num_cards 1 -9 x")
    simulate(faults="fail xsp3_get_num_chan 1 -5 x")
    monkeypatch.delenv("XSPRESS3_SIM_FAULTS")
    system = simulate(card_index=1)

    assert (system.get_num_chan(), system.get_num_cards()) == (4, -9)


@pytest.mark.parametrize("faults", ["clear", "stick", "stick 0 1;bad", "x" * 2000, "race 1;" * 33])
def test_bad_faults_in_the_environment_fail_the_configuration(library, describe, faults):
    describe(faults=faults)

    assert library.config(*config_arguments()) == -1
    assert "XSPRESS3_SIM_FAULTS=" in library.text()
    assert "what xsp3sim_fault takes but clear" in library.text()


# errors


@pytest.mark.parametrize(
    ("what", "allowed"),
    [
        ("", "fail, drop, stick, slow-clear, race, lose-link, refuse-config, clear"),
        ("burn", "fail, drop, stick"),
        ("clear all", "fail, drop, stick"),
        ("fail", "fail CALL N CODE TEXT"),
        ("fail xsp3_nothing 1 -1 x", "a function of the SDK by its full name"),
        ("fail xsp3_get_error_message 1 -1 x", "a function of the SDK"),
        ("fail " + "x" * 500 + " 1 -1 x", "a function of the SDK"),
        ("fail xsp3_close 0 -1 x", "N >= 1"),
        ("fail xsp3_close 1 0 x", "CODE < 0"),
        ("fail xsp3_close 1 -2147483649 x", "CODE < 0"),
        ("fail xsp3_close 1 -1", "1..511 bytes"),
        ("fail xsp3_close 1 -1 ", "1..511 bytes"),
        (r"fail xsp3_close 1 -1 \x0", "NN"),
        (r"fail xsp3_close 1 -1 \xzz", "NN"),
        (r"fail xsp3_close 1 -1 \x00", "NN"),
        ("fail xsp3_close 1 -1 " + "x" * 512, "1..511 bytes"),
        ("drop 0 0 1", "drop CHANNEL FIRST_FRAME N TICKS"),
        ("drop 16 0 1 1", "drop CHANNEL"),
        ("drop 0 -1 1 1", "drop CHANNEL"),
        ("drop 0 0 0 1", "drop CHANNEL"),
        ("drop 0 0 1 4294967296", "1..4294967295"),
        ("drop 0 0 1 1 1", "drop CHANNEL"),
        ("stick 0", "stick CHANNEL FRAME"),
        ("stick 0x1 1", "stick CHANNEL FRAME"),
        ("stick 0 99999999999999999999", "stick CHANNEL FRAME"),
        ("slow-clear", "0..60"),
        ("slow-clear 61", "0..60"),
        ("slow-clear nan", "0..60"),
        ("slow-clear -1", "0..60"),
        ("race 0", "race FRAMES"),
        ("race", "race FRAMES"),
        ("lose-link -1", "lose-link FRAME"),
        ("refuse-config", "refuse-config TEXT"),
    ],
)
def test_a_bad_fault_says_what_is_allowed(control, what, allowed):
    with pytest.raises(SdkError) as raised:
        control.fault(what)

    assert "allowed is" in str(raised.value)
    assert allowed in str(raised.value)


def test_there_are_not_more_faults_than_there_is_room_for(simulate, control):
    for _ in range(32):
        control.fault("fail xsp3_get_num_chan 1 -1 x")
    with pytest.raises(SdkError, match="more than 32 faults"):
        control.fault("stick 0 0")
    simulate().get_num_chan()

    control.fault("stick 0 0")  # those that have struck make room


def test_reads_without_faults_are_as_they_were(simulate, control):
    system = started(simulate, n_frames=4, flags=0x0C)
    control.advance(1)
    control.fault("race 3")  # no ring, no race
    out = np.zeros((4, 1, 1), dtype="<u4")

    assert system.histogram_read4d(words(out), 0, 0, 0, 0, 1, 1, 1, 4) == 0
    assert (out[:, 0, 0] >> 16).tolist() == [0, 1, 2, 3]
