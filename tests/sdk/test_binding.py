"""Each C function has a checked method, and nothing unchecked reaches a register."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import xspress3.sdk
from tests.sdk.conftest import run_frames
from xspress3 import sim
from xspress3.errors import ConfigurationError, SdkRangeError, StateError
from xspress3.model import Window
from xspress3.sdk import Sdk, open_library
from xspress3.sdk.constants import ErrorCode

SOURCES = Path(xspress3.sdk.__file__).parent


def declared_functions():
    return sorted(set(re.findall(r"\b(xsp3_\w+)\(", (SOURCES / "_cdef.h").read_text())))


@pytest.mark.parametrize("function", declared_functions())
def test_every_declared_function_is_in_the_simulator_and_has_its_method(function):
    library = open_library(sim.library_path())
    binding = "".join(path.read_text() for path in SOURCES.rglob("*.py"))

    assert library.has(function)
    assert re.search(rf"\b{function}\b", binding)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((-1, 100, 0, 0), "n_frames=-1, allowed is 0..16777215"),
        ((1 << 24, 100, 0, 0), "n_frames=16777216"),
        ((1, 1, 0, 0), "collection_ticks=1, allowed is 2..4294967295"),
        ((1, 1 << 32, 0, 0), "collection_ticks=4294967296"),
        ((1, 100.5, 0, 0), "collection_ticks=100.5"),
        ((1, 100, 4, 0), r"trigger=4, allowed is BURST \(0\), .*HARDWARE_ONLY_FIRST \(6\)"),
        ((1, 100, 0, 4), r"gap=4, allowed is GAP_25NS \(0\), .*GAP_1US \(3\)"),
    ],
)
def test_timing_that_no_register_holds_does_not_reach_the_library(sdk, arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        sdk.itfg_setup(*arguments)


@pytest.mark.parametrize("value", [-1, 1 << 32, True])
def test_a_register_value_beyond_its_width_does_not_reach_the_library(sdk, value):
    with pytest.raises(ConfigurationError, match=r"xsp3_set_glob_timeA: value=.*, allowed is 0..4294967295"):
        sdk.set_glob_timeA(value)


@pytest.mark.parametrize("value", [-1, 1 << 24])
def test_a_first_frame_beyond_its_register_does_not_reach_the_library(sdk, value):
    with pytest.raises(ConfigurationError, match=r"allowed is 0\.\.16777215"):
        sdk.set_glob_timeFixed(value)


@pytest.mark.parametrize("n_bits", [-1, 13])
def test_energy_bits_beyond_the_format_do_not_reach_the_library(sdk, n_bits):
    with pytest.raises(ConfigurationError, match=r"n_energy_bits=.*, allowed is 0\.\.12"):
        sdk.format_run(n_bits)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"n_cards": 0}, "n_cards=0, allowed is 1..16"),
        ({"ring_frames": 0}, "ring_frames=0, allowed is 1..1048576"),
        ({"n_channels": 17}, "n_channels=17, allowed is 1..16"),
        ({"base_ip": "10.0.0"}, "base_ip='10.0.0', allowed is an address"),
        ({"base_ip": ""}, "base_ip=''"),
        ({"base_mac": "garbage"}, "base_mac='garbage', allowed is such as"),
        ({"base_port": 65536}, "base_port=65536, allowed is -1..65535"),
    ],
)
def test_a_configuration_that_cannot_be_does_not_reach_the_library(fields, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        Sdk.config(open_library(sim.library_path()), **fields)


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((1, 1, 16), "<u8"),
        np.zeros((1, 16), "<u4"),
        np.zeros((0, 1, 16), "<u4"),
        np.zeros((1, 1, 4097), "<u4"),
        np.zeros((1, 1, 32), "<u4")[:, :, ::2],
    ],
    ids=["wide", "flat", "empty", "long", "strided"],
)
def test_memory_that_the_library_would_overrun_does_not_reach_it(sdk, out):
    with pytest.raises(ConfigurationError, match="xsp3_histogram_read4d"):
        sdk.histogram_read4d(out, 0)


def test_memory_that_must_not_be_written_does_not_reach_the_library(sdk):
    out = np.zeros((1, 1, 16), "<u4")
    out.flags.writeable = False

    with pytest.raises(ConfigurationError, match="writeable"):
        sdk.histogram_read4d(out, 0)


def test_scalers_are_read_all_nine_or_not_at_all(sdk):
    with pytest.raises(ConfigurationError, match="last axis has 8 places, allowed is 9"):
        sdk.scaler_read(np.zeros((1, 1, 8), "<u4"), 0)


def test_both_read_functions_give_the_same(sdk):
    run_frames(sdk, 4)
    old, new = np.zeros((4, 2, 100), "<u4"), np.zeros((4, 2, 100), "<u4")

    sdk.histogram_read3d(old, 0, first_channel=1, first_bin=50)
    sdk.histogram_read4d(new, 0, first_channel=1, first_bin=50)

    assert new[2, 1, 3] == 2 << 16 | 2 << 12 | 53
    np.testing.assert_array_equal(old, new)


def test_the_status_tells_which_frame_a_place_holds(sdk):
    run_frames(sdk, 20)
    sdk.histogram_circ_ack(0, 4, sdk.get_num_chan())

    status = sdk.get_tf_status_block(0, 0, 6)

    assert status["frame"].tolist() == [16, 17, 18, 19, 4, 5]
    assert status["uses"].tolist() == [1] * 6


def test_windows_are_kept_for_all_channels_or_for_one(sdk):
    sdk.set_window(0, Window(100, 200))
    sdk.set_window(1, Window(300, 400), channel=2)

    assert sdk.get_window(0, 0) == (100, 200)
    assert sdk.get_window(2, 1) == (300, 400)
    assert sdk.get_window(0, 1) == (0, 0)


def test_overruns_are_counted_in_64_bits(sdk):
    run_frames(sdk, 16)

    assert sdk.histogram_get_circ_overrun() == (0, 0)


def test_a_channel_that_is_not_there_is_an_error_of_its_own(sdk):
    with pytest.raises(SdkRangeError) as caught:
        sdk.histogram_read4d(np.zeros((1, 1, 16), "<u4"), 0, first_channel=4)

    assert caught.value.code == ErrorCode.XSP3_RANGE_CHECK
    assert "DOES NOT FIT IN (eng, auxXchan, tf)" in caught.value.text


def test_a_closed_system_refuses_calls_and_a_second_close_does_nothing(sdk):
    sdk.close()
    sdk.close()

    with pytest.raises(StateError, match="xsp3_get_num_chan of a system that was closed"):
        sdk.get_num_chan()
