"""What contrast and scan software like it rely on, one by one, by a client that behaves as they do.

It polls the state and the count, goes on as soon as the count is what it expects, and writes its set points
in an order that passes through combinations which cannot be. Each requirement was found by breaking it.
"""

from __future__ import annotations

import contextlib
import threading
import time

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import numpy as np
import pytest
import tango
from tango import DevState

from receivers.hdf5.summary import read_summary
from tests.tango_device.device.servers import CALL_TIME, wait_for

DETECTOR = "entry/instrument/xspress3"
PATIENCE = 20.0


class Scanner:
    """Scans with a device; keeps all pairs of state and count that it saw, and the longest call."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.burst, self.lines_of, self.has_inputs = 1, 1, False
        self.seen = []
        self.longest = 0.0
        self.expected = 0

    def timed(self, call, *arguments):
        began = time.monotonic()
        try:
            return call(*arguments)
        finally:
            self.longest = max(self.longest, time.monotonic() - began)

    def write(self, name, value):
        self.timed(setattr, self.proxy, name, value)

    def prepare(self, exposure, path, n_points):
        assert not self.is_busy()
        self.write("DestinationFileName", "" if path is None else str(path))
        self.write("ExposureTime", exposure)
        self.write("nFramesPerTrigger", self.burst)
        self.write("LatencyTime", 1e-7)
        self.write("TriggerMode", "EXTERNAL" if self.has_inputs else "SOFTWARE")
        n_triggers = (n_points if self.burst == 1 else 1) * (self.lines_of if self.has_inputs else 1)
        self.write("nTriggers", np.int64(n_triggers))
        self.expected = 0
        if self.burst == 1:
            self.timed(self.proxy.Arm)
            assert self.proxy.nFramesAcquired == 0

    def point(self, fire=None):
        """Arm where there are bursts, trigger, and wait as long as the device is busy."""
        if self.burst > 1:
            self.timed(self.proxy.Arm)
            assert self.proxy.nFramesAcquired == 0
            self.expected = 0
        self.expected += self.burst * (self.lines_of if self.has_inputs else 1)
        self.timed(fire or self.proxy.SoftwareTrigger)
        deadline = time.monotonic() + PATIENCE
        while self.is_busy():
            assert time.monotonic() < deadline, self.proxy.status()
            time.sleep(0.005)

    def is_busy(self):
        state = self.timed(self.proxy.state)
        if state == DevState.STANDBY:
            return False
        count = self.timed(getattr, self.proxy, "nFramesAcquired")
        self.seen.append((state, count, self.expected))
        return not (state == DevState.RUNNING and count == self.expected)

    def scan(self, path, n_points, exposure=0.01, fire=None):
        self.prepare(exposure, path, n_points)
        for _ in range(n_points):
            self.point(fire)


@pytest.fixture
def scanner(device):
    made = Scanner(device)
    yield made
    assert made.longest < CALL_TIME
    assert {state for state, _, _ in made.seen} <= {DevState.RUNNING}
    assert all(count <= expected for _, count, expected in made.seen)


def n_frames(path):
    with h5py.File(path) as file:
        return len(file[DETECTOR]["data"])


def at_rest(device):
    wait_for(device, DevState.STANDBY)


@pytest.mark.parametrize("n_points", [1, 7])
def test_a_step_scan_is_one_file_with_a_frame_for_each_point(scanner, device, tmp_path, n_points):
    scanner.scan(tmp_path / "x.h5", n_points)
    at_rest(device)

    assert n_frames(tmp_path / "x.h5") == n_points


def test_no_state_but_standby_and_running_is_ever_told(scanner, device, server, tmp_path, eventually):
    states = []
    listener = tango.DeviceProxy(server.url)
    number = listener.subscribe_event(
        "State", tango.EventType.CHANGE_EVENT, lambda event: states.append(event.attr_value.value)
    )
    try:
        for n in range(3):
            scanner.scan(tmp_path / f"{n}.h5", 2)
        at_rest(device)
        eventually(lambda: len(states) >= 3 and states[-1] == DevState.STANDBY, timeout=15)
    finally:
        listener.unsubscribe_event(number)

    assert set(states) == {DevState.STANDBY, DevState.RUNNING}


def test_scans_follow_at_once_while_the_file_before_is_being_closed(scanner, device, tmp_path):
    for n in range(20):
        scanner.scan(tmp_path / f"{n}.h5", 1, exposure=0.002)
    at_rest(device)

    assert [n_frames(tmp_path / f"{n}.h5") for n in range(20)] == [1] * 20
    assert all(read_summary(tmp_path / f"{n}.h5").is_complete for n in range(20))


def test_set_points_are_taken_while_frames_are_and_hold_for_the_next_session(scanner, device):
    device.nFramesPerTrigger = 100_000
    device.Arm()
    device.SoftwareTrigger()

    device.DestinationFileName = ""
    device.ExposureTime, device.nFramesPerTrigger, device.LatencyTime = 0.004, 1, 1e-7
    device.TriggerMode, device.nTriggers = "SOFTWARE", 3

    assert device.state() == DevState.RUNNING
    device.Stop()
    scanner.scan(None, 3)


def test_from_many_triggers_to_a_burst_the_set_points_pass_through_what_cannot_be(scanner, device, tmp_path):
    scanner.scan(tmp_path / "steps.h5", 5)
    scanner.burst = 6
    scanner.scan(tmp_path / "burst.h5", 1)
    scanner.burst = 1
    scanner.scan(tmp_path / "steps_again.h5", 4)
    at_rest(device)

    assert [n_frames(tmp_path / f"{name}.h5") for name in ("steps", "burst", "steps_again")] == [5, 6, 4]


def test_bursts_at_many_points_stand_in_the_one_file_that_is_linked(scanner, device, tmp_path):
    scanner.burst = 6
    scanner.scan(tmp_path / "x.h5", 4)
    at_rest(device)

    assert n_frames(tmp_path / "x.h5") == 24
    assert [path.name for path in tmp_path.glob("*.h5")] == ["x.h5"]


def test_counting_without_a_name_makes_no_file(scanner, device, tmp_path):
    scanner.scan(tmp_path / "x.h5", 1)
    scanner.scan(None, 3)
    at_rest(device)

    assert n_frames(tmp_path / "x.h5") == 1
    assert device.nFramesAcquired == 3


def test_the_state_is_running_until_the_frame_is_counted(scanner, device):
    scanner.prepare(0.02, None, 10)
    for point in range(1, 11):
        device.SoftwareTrigger()
        count = 0
        while count < point:
            state, count = device.state(), device.nFramesAcquired
            assert state == DevState.RUNNING or count == 10


def test_lines_started_by_hardware_are_one_session(scanner, device, tmp_path):
    scanner.has_inputs, scanner.lines_of = True, 10
    scanner.scan(tmp_path / "x.h5", 3, fire=lambda: device.SimulateHardwareTriggers(10))
    at_rest(device)

    assert n_frames(tmp_path / "x.h5") == 30


def test_both_words_for_triggers_by_edges_are_taken(device):
    for word in ("EXTERNAL", "EXTERNAL_MULTI"):
        device.TriggerMode = word
        assert device.TriggerMode == "EXTERNAL_MULTI"


def test_hardware_triggers_and_bursts_together_are_refused_before_anything_changed(scanner, device, tmp_path):
    scanner.has_inputs, scanner.lines_of, scanner.burst = True, 3, 2
    scanner.prepare(0.01, tmp_path / "x.h5", 1)

    with pytest.raises(tango.DevFailed) as caught:
        device.Arm()

    error = caught.value.args[0]
    assert error.reason == "ConfigurationError"
    assert "\n" not in error.desc
    assert device.state() == DevState.STANDBY
    assert list(tmp_path.glob("*.h5")) == []
    scanner.has_inputs, scanner.burst = False, 1
    scanner.scan(tmp_path / "x.h5", 2)


def test_stopping_is_harmless_at_rest_and_in_a_scan_keeps_what_was_taken(scanner, device, tmp_path):
    scanner.timed(device.Stop)
    assert device.state() == DevState.STANDBY
    scanner.prepare(0.005, tmp_path / "x.h5", 100)
    for _ in range(4):
        scanner.point()

    scanner.timed(device.Stop)

    assert device.state() == DevState.STANDBY
    assert n_frames(tmp_path / "x.h5") == 4
    scanner.timed(device.Stop)
    scanner.scan(tmp_path / "y.h5", 2)


def test_an_endless_repetition_can_be_stopped_from_another_thread(scanner, device, server, tmp_path):
    """Live mode: one thread counts again and again, another one stops it."""
    is_over = threading.Event()
    died = []

    def live():
        try:
            one = Scanner(tango.DeviceProxy(server.url))  # knows how many frames the scan before has
            while not is_over.is_set():
                # Stop may come between Arm and the trigger, which is then refused.
                with contextlib.suppress(tango.DevFailed):
                    one.scan(None, 1, exposure=0.02)
        except BaseException as error:
            died.append(error)

    thread = threading.Thread(target=live)
    thread.start()
    deadline = time.monotonic() + PATIENCE
    sessions = set()
    while len(sessions) < 4:
        assert time.monotonic() < deadline, died
        sessions.add(device.SessionId)
    is_over.set()
    device.Stop()
    thread.join(PATIENCE)

    assert not thread.is_alive()
    assert died == []
    at_rest(device)
    scanner.scan(tmp_path / "x.h5", 2)


def test_arming_into_a_directory_that_is_not_there_fails_with_one_clear_line(scanner, device, tmp_path):
    with pytest.raises(tango.DevFailed) as caught:
        scanner.prepare(0.01, tmp_path / "gone" / "x.h5", 1)

    error = caught.value.args[0]
    assert (error.reason, error.desc.count("\n")) == ("SinkError", 0)
    assert str(tmp_path / "gone") in error.desc
    assert device.state() == DevState.STANDBY


def test_the_file_has_the_group_that_is_linked_whatever_the_stream_is_called(start_server, tmp_path):
    proxy = start_server(Name="another").proxy
    Scanner(proxy).scan(tmp_path / "x.h5", 2)
    at_rest(proxy)

    with h5py.File(tmp_path / "x.h5") as file:
        assert {"data", "output_count_rate", "event_width", "dead_time_correction"} <= set(file[DETECTOR])
