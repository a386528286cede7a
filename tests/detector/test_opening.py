"""What a detector is, and how opening and closing it goes."""

from __future__ import annotations

import pytest

from xspress3 import sim
from xspress3.errors import (
    ConfigurationError,
    SdkConnectionError,
    SdkError,
    SdkRangeError,
)
from xspress3.model import Generation


@pytest.mark.parametrize(
    ("generation", "expected", "clock_period"),
    [
        ("3", Generation.XSPRESS3, 12.5e-9),
        ("mini", Generation.XSPRESS3_MINI, 12.5e-9),
        ("4", Generation.XSPRESS4, 10e-9),
    ],
)
def test_what_it_is_is_asked_of_the_hardware(open_detector, generation, expected, clock_period):
    info = open_detector(generation=generation, channels=2, event_width=7).info

    assert info.generation is expected
    assert info.clock_period == pytest.approx(clock_period)
    assert (info.n_cards, info.n_channels, info.n_bins, info.ring_frames) == (1, 2, 4096, 64)
    assert info.event_widths == (7, 7)


def test_settings_are_restored_before_event_widths_are_read(open_detector, tmp_path):
    directory = sim.write_settings(tmp_path / "settings", n_channels=4, event_widths=[5, 6, 7, 8])

    assert open_detector(settings=str(directory)).info.event_widths == (5, 6, 7, 8)


def test_where_the_width_is_variable_three_ticks_are_taken_off(open_detector, tmp_path):
    directory = sim.write_settings(tmp_path / "calibration", n_channels=3, event_widths=[6, 6, 2])
    with (directory / "trigger_b.dat").open("a") as file:
        file.write("enb_variable_width 1 1\nenb_variable_width 2 1\n")

    assert open_detector(channels=3, settings=str(directory)).info.event_widths == (6, 3, 0)


def test_a_settings_directory_without_files_is_refused_and_the_hardware_let_go(open_detector, tmp_path):
    with pytest.raises(SdkError, match=f"Cannot open input file {tmp_path}"):
        open_detector(settings=str(tmp_path))

    open_detector(ring_frames=32)  # other arguments: possible only after the first was closed


def test_nobody_at_the_address_is_told_in_the_librarys_words(open_detector):
    with pytest.raises(SdkConnectionError, match=r"Cannot initialise Fem .* on port 30123"):
        open_detector(absent=1)


def test_more_channels_than_there_are_is_refused_with_both_numbers(open_detector):
    with pytest.raises(SdkRangeError, match=r"(?s)5.*4"):
        open_detector(channels=4, n_channels=5)


def test_an_address_that_is_none_does_not_reach_the_library():
    from xspress3.config import DetectorConfig
    from xspress3.detector import Xspress3Detector

    with pytest.raises(ConfigurationError, match="base_ip='detector', allowed is an address"):
        Xspress3Detector.open(DetectorConfig(library=str(sim.library_path()), base_ip="detector"))


def test_closing_twice_does_nothing_more(open_detector):
    detector = open_detector()

    detector.close()
    detector.close()
