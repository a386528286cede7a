"""Opening, closing, what is said of the hardware, and settings directories."""

from __future__ import annotations

import pytest

from tests.sim.conftest import config_arguments
from xspress3.errors import ConfigurationError
from xspress3.sdk._sdk import ffi
from xspress3.sim import write_settings


def text_argument(text):
    return ffi.new("char[]", str(text).encode())


def test_the_first_system_gets_handle_zero_and_the_next_card_the_next(simulate):
    assert [simulate().handle, simulate(card_index=1).handle, simulate(card_index=5).handle] == [0, 1, 2]


def test_the_same_arguments_give_the_same_handle(simulate, library):
    system = simulate()

    assert library.config(*config_arguments()) == system.handle


@pytest.mark.parametrize("changed", [{"num_tf": 65}, {"nchan": 2}, {"port": 30123}, {"debug": 1}])
def test_other_arguments_for_an_open_card_conflict(simulate, library, changed):
    simulate()

    assert library.config(*config_arguments(**changed)) == -1
    assert "conflicts with saved" in library.text()


def test_a_second_system_may_not_share_one_of_several_cards(simulate, library):
    simulate(cards=3, ncards=3, card_index=4)

    assert library.config(*config_arguments(card_index=6)) == -1
    assert "conflicts with saved" in library.text()


def test_a_closed_handle_is_free_again(simulate, library):
    system = simulate()

    assert library.close(system.handle, 2) == 0
    assert library.close(system.handle, 0) == 0
    assert library.get_num_chan(system.handle) == -2
    assert library.config(*config_arguments(num_tf=65)) == system.handle
    library.close(system.handle, 0)


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"ncards": 0}, -1, "ncards=0"),
        ({"ncards": -1}, -1, "ncards=-1"),
        ({"ncards": 17}, -1, "ncards=17"),
        ({"card_index": 63}, -1, "card_index=63 out of range 0 to 62"),
        ({"card_index": 62}, -1, "card_index=62 with ncards=1"),
        ({"card_index": -2}, -1, "card_index=-2"),
        ({"num_tf": 0}, -6, "num_tf=0 out of range 1..1048576"),
        ({"num_tf": 1048577}, -6, "num_tf=1048577"),
        ({"nchan": 5}, -6, "nchan=5, but the number of channels found is 4"),
        ({"nchan": 0}, -6, "nchan=0"),
        ({"nchan": -2}, -6, "nchan=-2"),
        ({"ncards": 2}, -1, "Cannot initialise Fem 192.168.0.3 on port 30123"),
    ],
)
def test_config_refuses(library, changed, code, words):
    assert library.config(*config_arguments(**changed)) == code
    assert library.text().startswith("xsp3_config: ")
    assert words in library.text()


@pytest.mark.parametrize(
    ("ip", "port", "words"),
    [
        (None, -1, "Cannot initialise Fem 192.168.0.2 on port 30123"),
        ("127.0.0.1", -1, "Cannot initialise Fem 127.0.0.2 on port 30123"),
        ("10.0.0.255", 4000, "Cannot initialise Fem 10.0.1.0 on port 4000"),
        ("no address", -1, "Cannot initialise Fem 0.0.0.1 on port 30123"),
        ("1.2.3.4.5", -1, "Cannot initialise Fem 0.0.0.1 on port 30123"),
        ("1.2.3.400", -1, "Cannot initialise Fem 0.0.0.1 on port 30123"),
    ],
)
def test_an_absent_detector_does_not_answer(library, describe, ip, port, words):
    describe(absent=True)
    address = ffi.NULL if ip is None else text_argument(ip)

    assert library.config(*config_arguments(ip=address, port=port)) == -1
    assert library.text() == f"xsp3_config: {words}"


@pytest.mark.parametrize(
    ("generation", "number", "period", "major"),
    [("3", 0, 12.5e-9, 1), ("mini", 2, 12.5e-9, 32), ("4", 3, 10e-9, 48)],
)
def test_generation_clock_and_revision_belong_together(simulate, generation, number, period, major):
    system = simulate(generation=generation)

    assert system.get_generation(0) == number
    assert system.get_clock_period(0) == period
    assert system.get_revision() >> 12 & 0xFFF == major


def test_counts_of_channels_and_cards(simulate):
    system = simulate(channels=16, cards=2, ncards=2, nchan=7)

    assert system.get_num_chan() == 7
    assert system.get_max_num_chan() == 16
    assert system.get_num_cards() == 2
    assert system.get_bins_per_mca() == 4096


@pytest.mark.parametrize("card", [-1, 1])
def test_information_is_of_one_card_that_is_there(simulate, library, card):
    system = simulate()

    assert system.get_generation(card) == -1
    assert system.get_clock_period(card) == -1.0
    assert library.text() == f"xsp3_get_clock_period: illegal card specified ({card})"


@pytest.mark.parametrize(
    ("description", "allowed"),
    [
        ({"channels": 17}, "1..16"),
        ({"channels": 0}, "1..16"),
        ({"channels": "4x"}, "1..16"),
        ({"cards": 17}, "1..16"),
        ({"generation": "5"}, "3, mini, 4"),
        ({"seed": -1}, "0..18446744073709551615"),
        ({"seed": "18446744073709551616"}, "0..18446744073709551615"),
        ({"source": "magic"}, "physics, pattern, playback"),
        ({"clock": "slow"}, "real, demand, manual"),
        ({"rate": "1,"}, "0..1e7"),
        ({"rate": -1}, "0..1e7"),
        ({"rate": "inf"}, "0..1e7"),
        ({"event_width": 1}, "2..127"),
        ({"event_width": 128}, "2..127"),
        ({"absent": "maybe"}, "0, 1"),
        ({"channels": 3, "rate": [1, 2]}, "one for each of 3 channels"),
    ],
)
def test_a_bad_description_fails_at_config_and_names_what_is_allowed(library, describe, description, allowed):
    describe(**description)

    assert library.config(*config_arguments()) == -1
    assert library.text().startswith("xsp3_config: ")
    assert allowed in library.text()


def test_set_goes_before_the_environment_until_it_is_taken_back(simulate, control):
    control.set(channels=3)
    try:
        assert simulate(channels=2).get_num_chan() == 3
    finally:
        control.set(channels=None)
    assert simulate(channels=2, card_index=1).get_num_chan() == 2


# Clocks


@pytest.mark.parametrize(
    ("generation", "good", "frequency"),
    [
        ("3", {0, 1, 2, 3}, 0),
        ("mini", {0x10, 0x11}, 80_000_000),
        ("4", {0x10, 0x11, 0x20, 0x21}, 100_000_000),
    ],
)
def test_clock_sources_belong_to_the_generation(simulate, library, generation, good, frequency):
    system = simulate(generation=generation)

    for source in (-1, 0, 1, 2, 3, 4, 0x10, 0x11, 0x12, 0x20, 0x21):
        assert system.clocks_setup(-1, source, 3, 0) == (frequency if source in good else -6)
    assert "invalid clk_src" in library.text()
    assert system.clocks_setup(1, min(good), 3, 0) == -3


# Settings


def event_width(system, channel):
    parameters = ffi.new("Xspress3_TriggerB *")
    assert system.get_trigger_b(channel, parameters) == 0
    return parameters.event_time


def test_event_widths_come_from_the_description_and_then_from_the_settings(simulate, tmp_path):
    system = simulate(event_width=9, channels=3)
    before = [event_width(system, channel) for channel in range(3)]
    write_settings(tmp_path, 2, [5, 127])

    assert system.restore_settings(text_argument(tmp_path), 0) == 0

    assert before == [9, 9, 9]
    assert [event_width(system, channel) for channel in range(3)] == [5, 127, 9]


@pytest.mark.parametrize("name", ["dtc_parameters.dat", "trigger_b.dat", "revision.dat"])
def test_each_settings_file_is_needed(simulate, library, tmp_path, name):
    system = simulate()
    path = write_settings(tmp_path) / name
    path.unlink()

    assert system.restore_settings(text_argument(tmp_path), 0) == -1
    assert library.text() == f"xsp3_restore_settings: Cannot open input file {path}"


def test_a_missing_settings_directory_is_told_by_its_first_file(simulate, library):
    system = simulate()

    assert system.restore_settings(text_argument("/nowhere"), 0) == -1
    assert library.text() == "xsp3_restore_settings: Cannot open input file /nowhere/dtc_parameters.dat"
    assert system.restore_settings(ffi.NULL, 0) == -1
    assert system.restore_settings(text_argument("x" * 5000), 0) == -1


def test_settings_of_another_revision_are_refused_unless_forced(simulate, library, tmp_path):
    system = simulate(generation="4")
    write_settings(tmp_path, event_widths=[11] * 16, generation="3")

    assert system.restore_settings(text_argument(tmp_path), 0) == -1
    assert "major revision 1, the firmware has 48" in library.text()
    assert event_width(system, 0) == 6
    assert system.restore_settings(text_argument(tmp_path), 1) == 0
    assert event_width(system, 0) == 11


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("trigger_b.dat", b"event_width 0 1\n"),
        ("trigger_b.dat", b"event_width 0 128\n"),
        ("trigger_b.dat", b"event_width 16 6\n"),
        ("trigger_b.dat", b"event_width -1 6\n"),
        ("trigger_b.dat", b"event_width 99999999999999999999 6\n"),
        ("trigger_b.dat", b"event_width 0\n"),
        ("trigger_b.dat", b"event_width 0 6 7\n"),
        ("trigger_b.dat", b"width 0 6\n"),
        ("trigger_b.dat", b"#" * 300 + b"\n"),
        ("trigger_b.dat", b"event_width 0 6\0\nevent_width 1 6\n"),
        ("trigger_b.dat", bytes(range(256)) * 20),
        ("dtc_parameters.dat", b"channel 0 0 1e-7 0 0\n"),
        ("dtc_parameters.dat", b"channel 0 0 1e-7 0 0 nan\n"),
        ("dtc_parameters.dat", b"channel 16 0 1e-7 0 0 0\n"),
        ("revision.dat", b""),
        ("revision.dat", b"major\n"),
        ("revision.dat", b"major -1\n"),
        ("revision.dat", b"major 4096\n"),
    ],
)
def test_malformed_settings_are_an_error_and_change_nothing(simulate, library, tmp_path, name, content):
    system = simulate()
    path = write_settings(tmp_path, event_widths=[9] * 16) / name
    path.write_bytes(content)

    assert system.restore_settings(text_argument(tmp_path), 1) == -1
    assert name in library.text()
    assert event_width(system, 0) == 6


def test_comments_and_blank_lines_in_settings_are_allowed(simulate, tmp_path):
    system = simulate()
    write_settings(tmp_path)
    (tmp_path / "trigger_b.dat").write_text("# widths\n\n  event_width 0 8  # first\nevent_width 1 9")

    assert system.restore_settings(text_argument(tmp_path), 0) == 0
    assert [event_width(system, 0), event_width(system, 1)] == [8, 9]


@pytest.mark.parametrize(
    "wrong", [{"n_channels": 17}, {"event_widths": [6]}, {"event_widths": [1] * 16}, {"generation": "5"}]
)
def test_write_settings_refuses_what_the_library_would(tmp_path, wrong):
    with pytest.raises(ConfigurationError, match="allowed is"):
        write_settings(tmp_path, **wrong)
