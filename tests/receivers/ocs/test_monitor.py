"""Samples of channels from a real stream; what they must be is worked out from the scalers by hand."""

from __future__ import annotations

import time

import pytest

from receivers.ocs.monitor import ChannelMonitor, check_channels, check_rate
from tests.receivers.conftest import CLOCK_PERIOD
from xspress3.errors import ConfigurationError

TIMEOUT = 20.0


@pytest.fixture
def monitor(sender):
    with ChannelMonitor(sender.endpoint) as made:
        yield made


def read_one(monitor, sender, first):
    """Samples of a block, which is sent once the monitor has joined and knows the session."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        sender.block(first)
        if samples := monitor.read(0.1):
            return samples
        first += 4
    raise AssertionError("no sample came")


def join(monitor, sender):
    monitor.read(0.01)
    sender.wait_joined()
    sender.start()


def test_samples_are_those_of_the_newest_frame(monitor, sender):
    monitor.channels = (1,)
    join(monitor, sender)

    (sample,) = read_one(monitor, sender, 0)

    frame = sample.frame
    good = 100 + frame + 1000
    assert sample.channel == 1
    assert sample.values["output_count_rate"] == pytest.approx(good / (80016 * CLOCK_PERIOD))
    live = 80000 - ((good + 5) * 5 + 500)
    assert sample.values["input_count_rate"] == pytest.approx((good + 5) / (live * CLOCK_PERIOD))
    assert sample.values["in_window0"] == frame
    assert sample.values["in_window1"] == 1
    assert abs(sample.time - time.time()) < TIMEOUT


def test_channels_that_the_detector_does_not_have_give_nothing(monitor, sender):
    monitor.channels = (0, 7)
    join(monitor, sender)

    assert [sample.channel for sample in read_one(monitor, sender, 0)] == [0]


def test_without_channels_nothing_is_read_any_more(monitor, sender):
    monitor.channels = (0,)
    join(monitor, sender)
    read_one(monitor, sender, 0)
    monitor.channels = ()

    assert monitor.read(0.01) == []
    sender.wait_left()


def test_samples_come_no_faster_than_wanted(monitor, sender):
    monitor.channels, monitor.target_rate = (0,), 0.001
    join(monitor, sender)
    read_one(monitor, sender, 0)

    for first in range(400, 440, 4):
        sender.block(first)
        assert monitor.read(0.05) == []


def test_values_that_cannot_be_told_are_left_out(monitor, sender):
    sender.truth.scalers = lambda first, n_frames: type(sender.truth)().scalers(first, n_frames) * 0
    monitor.channels = (0,)
    join(monitor, sender)

    (sample,) = read_one(monitor, sender, 0)

    assert sample.values == {"in_window0": 0.0, "in_window1": 0.0}


@pytest.mark.parametrize("channels", [range(7), [-1], [2048], [1.5], ["1"], "12", None, [True]])
def test_channels_that_cannot_be_are_refused(channels):
    with pytest.raises(ConfigurationError):
        check_channels(channels)


def test_channels_are_taken_once_each():
    assert check_channels([3, 0, 3]) == (3, 0)
    assert check_channels([]) == ()


@pytest.mark.parametrize("rate", [0, -1, 10.1, float("nan"), "5", True, None])
def test_rates_that_cannot_be_are_refused(rate):
    with pytest.raises(ConfigurationError):
        check_rate(rate)
