"""A real device server, its client in this process: what panels, scripts and careless users do."""

from __future__ import annotations

import contextlib
import itertools
import math
import signal
import subprocess
import sys
import threading
import time

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import numpy as np
import pytest
import tango
from tango import DevState, EventType

from receivers.hdf5.summary import read_summary
from tests.tango_device.device.servers import CALL_TIME, wait_for

DATA = "/entry/instrument/xspress3/data"
PREDECESSOR = {
    "ExposureTime": tango.DevDouble,
    "LatencyTime": tango.DevDouble,
    "nTriggers": tango.DevLong64,
    "nFramesPerTrigger": tango.DevLong64,
    "TriggerMode": tango.DevString,
    "DestinationFileName": tango.DevString,
    "DestinationFileOverwritable": tango.DevBoolean,
    "WriteHdf5": tango.DevBoolean,
    "ReadoutTime": tango.DevDouble,
    "nFramesAcquired": tango.DevLong64,
    "nChannels": tango.DevLong64,
    "ReadyForSwTrigger": tango.DevBoolean,
    "Window1_Ch0": tango.DevLong,
    "Window2_Ch3": tango.DevLong,
    "EventWidth_Ch0": tango.DevShort,
}
COUNTS = ("ReadRawCounts_Window1", "ReadRawCounts_Window2", "ReadDtcCounts_Window1", "ReadDtcCounts_Window2")


def refused(call, *arguments):
    """Reason and text of the `DevFailed` that a call ends with, within the time that clients wait."""
    began = time.monotonic()
    with pytest.raises(tango.DevFailed) as caught:
        call(*arguments)
    assert time.monotonic() - began < CALL_TIME
    error = caught.value.args[0]
    return error.reason, error.desc


def test_all_attributes_of_the_predecessor_are_there_with_their_types(device):
    infos = {info.name: info for info in device.attribute_list_query()}

    assert {name: infos[name].data_type for name in PREDECESSOR} == PREDECESSOR
    assert infos["Window1_Ch0"].max_dim_x == 2
    commands = {info.cmd_name: info for info in device.command_list_query()}
    assert {"Arm", "SoftwareTrigger", "Stop", *COUNTS} <= commands.keys()
    assert commands["ReadRawCounts_Window1"].out_type == tango.DevVarLong64Array
    assert commands["ReadDtcCounts_Window2"].out_type == tango.DevVarDoubleArray


def test_every_attribute_says_what_it_is(device):
    for info in device.attribute_list_query():
        if info.name not in ("State", "Status"):
            assert info.label == info.name
            assert len(info.description) > 10, info.name


def test_every_command_says_what_it_does(device):
    for info in device.command_list_query():
        if info.cmd_name not in ("Init", "State", "Status"):  # Tango's own
            assert len(info.out_type_desc) > 20, info.cmd_name
            assert "DevVoid" not in info.out_type_desc, info.cmd_name


def test_every_attribute_can_be_read_at_any_time(device, take):
    for _ in range(2):
        names = list(device.get_attribute_list())
        values = device.read_attributes(names)
        assert [value.name for value in values if value.has_failed] == []
        take(nFramesPerTrigger=3)


def test_set_points_that_were_not_written_are_those_in_force(device):
    device.Reset()
    wait_for(device, DevState.STANDBY)

    for name in ("ExposureTime", "TriggerMode", "nTriggers", "Window1_Ch0"):
        value = device.read_attribute(name)
        assert np.array_equal(value.value, value.w_value), name


def test_a_frame_stands_in_the_file_and_on_the_panel(device, take, tmp_path):
    device.Window1_Ch0 = [0, 4095]
    take(nFramesPerTrigger=4, DestinationFileName=str(tmp_path / "a b.1.h5"))

    with h5py.File(tmp_path / "a b.1.h5") as file:
        data = file[DATA][()]
    assert np.array_equal(device.LastFrame, data[3])
    assert np.array_equal(device.Spectrum_Ch2, data[3, 2])
    assert np.array_equal(device.SumSpectrum, data[3].sum(axis=0))
    assert device.LastFrameNumber == 3
    assert device.Window1Counts[0] == data[3, 0].sum()
    assert device.Window1Sum[0] == data[:, 0].sum()
    assert device.ReadRawCounts_Window1([0, 1, 5]).tolist() == [*data[:, 0].sum(axis=1), -1]
    assert (device.ReadDtcCounts_Window1([0, 1, 4]) >= data[:, 0].sum(axis=1)).all()
    assert np.array_equal(device.ReadHistogram([1, 2]).reshape(2, 4, 4096), data[1:3])
    assert device.ReadScalers([0, 4]).reshape(4, 4, 9)[3].tolist() == device.Scalers.tolist()
    assert device.LastFile == str(tmp_path / "a b.1.h5")
    assert (device.nFramesAcquired, device.nFramesStreamed, device.nFramesWritten) == (4, 4, 4)
    assert (device.DeadTime > 0).all()


def test_rates_follow_from_the_scalers(device, take):
    take(ExposureTime=0.01)

    seconds = device.TotalTicks * 12.5e-9
    assert device.OutputCountRate == pytest.approx(device.AllGood / seconds)
    assert device.LiveTime == pytest.approx(
        (device.ClockTicks - device.AllEvents * 7.0 - device.ResetTicks) * 12.5e-9
    )
    assert device.DeadTimeCorrection == pytest.approx(device.ClockTicks * 12.5e-9 / device.LiveTime)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ExposureTime", -1.0),
        ("ExposureTime", 0.0),
        ("ExposureTime", math.nan),
        ("ExposureTime", math.inf),
        ("ExposureTime", 1e300),
        ("LatencyTime", -1e-9),
        ("LatencyTime", math.nan),
        ("nTriggers", 0),
        ("nTriggers", -5),
        ("nTriggers", 1 << 40),
        ("nFramesPerTrigger", 0),
        ("nFramesPerTrigger", 1 << 62),
        ("TriggerMode", ""),
        ("TriggerMode", "software"),
        ("Window1_Ch0", [-1, 5]),
        ("Window1_Ch0", [0, 4096]),
        ("Window1_Ch0", [6, 5]),
        ("Window1_Ch0", [6]),
        ("DebounceTicks", 256),
        ("Regions", [[0, 99, 7]]),
        ("Regions", [[5, 4, 1]]),
    ],
)
def test_a_value_that_cannot_be_is_refused_and_the_old_one_stays(device, name, value):
    before = device.read_attribute(name).value

    reason, text = refused(device.write_attribute, name, value)

    assert reason in ("ConfigurationError", "API_WAttrOutsideLimit"), text
    assert name.split("_")[0].lower()[:6] in text.lower() or "allowed" in text
    assert np.array_equal(device.read_attribute(name).value, before)


@pytest.mark.parametrize(
    "settings",
    [
        {"nTriggers": 3, "nFramesPerTrigger": 2},
        {"LatencyTime": 5.0},
        {"nTriggers": 1 << 20, "TriggerMode": "INTERNAL"},
        {"ExposureTime": 60.0},
        {"DestinationFileName": "relative.h5"},
        {"DestinationFileName": "/nowhere/x.h5"},
        {"DestinationFileName": "/"},
    ],
)
def test_what_does_not_go_together_is_refused_by_arm_before_anything_changed(device, take, settings):
    for name, value in settings.items():
        setattr(device, name, value)

    reason, text = refused(device.Arm)

    assert reason in ("ConfigurationError", "SinkError")
    assert "\n" not in text
    assert device.state() == DevState.STANDBY
    for name, value in (("nTriggers", 1), ("LatencyTime", 0.0), ("ExposureTime", 0.002)):
        setattr(device, name, value)
    take(DestinationFileName="", nFramesPerTrigger=1, TriggerMode="SOFTWARE")


@pytest.mark.parametrize(
    "arguments", [[], [0], [0, 1], [0, 1, 2, 3], [4, 1, 1], [-1, 1, 1], [0, 5, 1], [0, 1, 1 << 50]]
)
def test_ranges_of_counts_that_cannot_be_are_refused(device, take, arguments):
    for name in COUNTS:
        reason, text = refused(device.command_inout, name, arguments)
        assert reason == "ConfigurationError"
        assert "allowed" in text


def test_nothing_is_changed_while_frames_are_taken(device):
    device.Arm()

    for name, value in (("Window1_Ch0", [0, 5]), ("Regions", [[0, 9, 10]]), ("InvertVeto", True)):
        assert refused(device.write_attribute, name, value)[0] == "StateError"

    device.Stop()


def test_two_clients_that_arm_at_once_get_one_session(device, server):
    device.nFramesPerTrigger = 100_000
    outcomes = []

    def arm():
        try:
            tango.DeviceProxy(server.url).Arm()
            outcomes.append("armed")
        except tango.DevFailed as error:
            outcomes.append(error.args[0].reason)

    clients = [threading.Thread(target=arm) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()

    assert sorted(outcomes) == ["StateError"] * 3 + ["armed"]


def test_hardware_triggers_of_a_scan_line_by_line(device, take, tmp_path):
    device.TriggerMode, device.nTriggers = "EXTERNAL_MULTI", 30
    device.DestinationFileName = str(tmp_path / "scan.h5")
    device.Arm()

    for line in range(1, 4):
        device.SimulateHardwareTriggers(10)
        deadline = time.monotonic() + 10
        while device.nFramesAcquired < 10 * line:
            assert time.monotonic() < deadline
        assert device.nFramesAcquired == 10 * line

    wait_for(device, DevState.STANDBY)
    assert read_summary(tmp_path / "scan.h5").is_complete


def test_data_are_taken_for_a_time_and_until_stopped(device):
    session = device.TakeData(0.05)
    wait_for(device, DevState.STANDBY)
    assert (device.nFramesAcquired, device.SessionId) == (25, session)

    assert device.StartStream() > session
    while device.nFramesAcquired < 5:
        pass
    device.StopStream()
    assert device.state() == DevState.STANDBY


class Events:
    """Events of some attributes, as they came."""

    def __init__(self, device, names, kind=EventType.CHANGE_EVENT):
        self.got = []
        self._device = device
        self._ids = [device.subscribe_event(name, kind, self._keep) for name in names]

    def _keep(self, event):
        value = getattr(event, "attr_value", event)
        self.got.append((event.attr_name.rsplit("/", 1)[-1].split("#")[0].lower(), event.err, value))

    def of(self, name):
        return [value.value for got, err, value in self.got if got == name.lower() and not err]

    def close(self):
        for number in self._ids:
            self._device.unsubscribe_event(number)


def test_a_second_client_hears_of_states_counters_and_set_points(device, server, take, eventually):
    listener = tango.DeviceProxy(server.url)
    events = Events(listener, ["State", "nFramesAcquired", "Window1Sum", "ExposureTime"])
    try:
        take(nFramesPerTrigger=200, ExposureTime=0.003)

        eventually(lambda: events.of("State")[-1:] == [DevState.STANDBY] and len(events.of("State")) >= 3)
        eventually(lambda: events.of("nFramesAcquired")[-1] == 200)
        eventually(lambda: events.of("ExposureTime")[-1] == 0.003)
        assert DevState.RUNNING in events.of("State")
        counts = events.of("nFramesAcquired")
        assert len(counts) >= 4
    finally:
        events.close()


def test_archive_events_tell_the_same(device, server, take, eventually):
    events = Events(tango.DeviceProxy(server.url), ["nFramesWritten"], EventType.ARCHIVE_EVENT)
    try:
        take(nFramesPerTrigger=7)

        eventually(lambda: events.of("nFramesWritten")[-1:] == [device.nFramesWritten], timeout=15)
    finally:
        events.close()


@pytest.mark.parametrize("name", ["LastFrame", "SumSpectrum", "Spectrum_Ch1"])
def test_data_ready_tells_of_spectra(device, server, take, eventually, name):
    listener = tango.DeviceProxy(server.url)
    ready = []
    number = listener.subscribe_event(name, EventType.DATA_READY_EVENT, ready.append)
    try:
        take(nFramesPerTrigger=3)

        eventually(lambda: ready and not ready[-1].err and ready[-1].ctr == 2)
    finally:
        listener.unsubscribe_event(number)


LISTENER = """
import sys, tango
device = tango.DeviceProxy(sys.argv[1])
kinds = tango.EventType
for name in device.get_attribute_list():
    for kind in (kinds.CHANGE_EVENT, kinds.ARCHIVE_EVENT, kinds.DATA_READY_EVENT):
        try:
            device.subscribe_event(name, kind, lambda _event: None)
        except tango.DevFailed:
            pass
print("listens", flush=True)
sys.stdin.read()
"""


def test_a_client_that_stands_still_stops_nothing(device, server, take):
    command = [sys.executable, "-W", "ignore", "-c", LISTENER, server.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as listener:
        try:
            assert listener.stdout.readline() == "listens\n"
            listener.send_signal(signal.SIGSTOP)

            for _ in range(20):
                take(nFramesPerTrigger=50, ExposureTime=0.002)

            assert device.nFramesAcquired == 50
        finally:
            listener.kill()


def test_a_panel_that_reads_everything_does_not_disturb_the_stream(device, tmp_path):
    device.ExposureTime, device.TriggerMode = 0.0005, "INTERNAL"
    device.nFramesPerTrigger = 3000
    device.DestinationFileName = str(tmp_path / "x.h5")
    names = list(device.get_attribute_list())
    device.Arm()

    times = []
    while device.state() == DevState.RUNNING:
        began = time.monotonic()
        values = device.read_attributes(names)
        times.append(time.monotonic() - began)
        assert not any(value.has_failed for value in values)
        time.sleep(0.02)

    assert device.nFramesWritten == 3000
    assert device.nFramesLost == 0
    assert sorted(times)[len(times) // 2] < 0.05


def test_init_in_any_state_a_hundred_times(device, take):
    for n in range(100):
        if n % 10 == 3:
            device.Stop()
            wait_for(device, DevState.STANDBY)
            device.Arm()
        began = time.monotonic()
        device.Init()
        assert time.monotonic() - began < CALL_TIME

    wait_for(device, DevState.STANDBY)
    assert device.ExposureTime == 0.002
    take(nFramesPerTrigger=2)
    device.Init()
    with contextlib.suppress(tango.DevFailed):  # a busy machine takes longer to open than Arm may wait
        device.Arm()
    if device.state() != DevState.RUNNING:
        wait_for(device, DevState.STANDBY, 30)
        device.Arm()
    assert device.state() == DevState.RUNNING


def test_single_frames_one_after_the_other_make_a_complete_file_each(device, tmp_path):
    for n in range(50):
        device.DestinationFileName = str(tmp_path / f"{n}.h5")
        device.Arm()
        device.SoftwareTrigger()
        while device.nFramesAcquired < 1:
            pass
    wait_for(device, DevState.STANDBY)

    assert all(read_summary(tmp_path / f"{n}.h5").is_complete for n in range(50))


def test_alarms_are_shown_and_leave_the_state_as_it_is(device, take):
    config = device.get_attribute_config("DeadTime")
    before = config.alarms.max_warning
    config.alarms.max_warning = "0.0001"
    device.set_attribute_config(config)
    try:
        take()

        assert device.read_attribute("DeadTime").quality == tango.AttrQuality.ATTR_WARNING
        assert device.state() == DevState.STANDBY
    finally:
        config.alarms.max_warning = before
        device.set_attribute_config(config)


def test_who_reads_the_stream_is_told(device, eventually):
    eventually(lambda: list(device.ConnectedReceivers) == ["writer"])
    assert device.nReceivers == 1


def test_versions_are_told(device):
    versions = device.info().version_info

    assert versions["firmware"] == "0.1.0"
    assert "sim" in versions["library"]


def test_parts_of_the_spectrum_come_through(device, take, tmp_path):
    device.Regions = [[100, 199, 50], [1000, 1099, 100]]
    take(DestinationFileName=str(tmp_path / "x.h5"))
    try:
        assert device.LastFrame.shape == (4, 150)
    finally:
        device.Regions = [[0, 4095, 4096]]

    assert [list(row) for row in itertools.chain(device.Regions)] == [[0, 4095, 4096]]
