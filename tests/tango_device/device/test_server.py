"""Servers that start, restart, are killed, or cannot open their detector."""

from __future__ import annotations

import subprocess
import sys
import time

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import pytest
import tango
from tango import DevState

from receivers.hdf5.summary import read_summary
from tests.tango_device.device.servers import wait_for

DATA = "/entry/instrument/xspress3/data"


def test_memorized_values_survive_a_restart_and_the_file_name_does_not(start_server):
    server = start_server()
    server.proxy.ExposureTime = 0.25
    server.proxy.TriggerMode = "EXTERNAL_MULTI_GATE"
    server.proxy.DestinationFileName = "/data/x.h5"
    assert server.close() == 0

    proxy = start_server().proxy

    assert proxy.ExposureTime == 0.25
    assert proxy.TriggerMode == "EXTERNAL_MULTI_GATE"
    assert proxy.DestinationFileName == ""
    assert proxy.state() == DevState.STANDBY


def test_a_server_killed_in_mid_run_leaves_a_readable_file_and_starts_cleanly(start_server, tmp_path):
    server = start_server()
    proxy = server.proxy
    proxy.ExposureTime, proxy.TriggerMode, proxy.nFramesPerTrigger = 0.001, "INTERNAL", 100_000
    proxy.DestinationFileName = str(tmp_path / "x.h5")
    proxy.Arm()
    while proxy.nFramesWritten < 100:
        time.sleep(0.01)

    server.kill()

    again = start_server().proxy
    assert again.state() == DevState.STANDBY
    deadline = time.monotonic() + 15
    while True:  # the writer, left alone, closes its file
        try:
            summary = read_summary(tmp_path / "x.h5").as_dict()
            if summary["end_reason"] != "not finished":
                break
        except OSError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with h5py.File(tmp_path / "x.h5") as file:
        assert len(file[DATA]) >= 100


def test_a_server_ended_in_mid_run_closes_the_file_of_what_was_taken(start_server, tmp_path):
    server = start_server()
    proxy = server.proxy
    proxy.nFramesPerTrigger, proxy.ExposureTime = 100_000, 0.002
    proxy.DestinationFileName = str(tmp_path / "x.h5")
    proxy.Arm()
    proxy.SoftwareTrigger()
    while proxy.nFramesAcquired < 5:
        time.sleep(0.01)

    assert server.close() == 0

    assert read_summary(tmp_path / "x.h5").as_dict()["end_reason"].startswith("stopped")


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"Library": "/nowhere/lib.so"}, "/nowhere/lib.so"),
        ({"StreamDialect": "morse"}, "StreamDialect"),
        ({"Compression": "zip"}, "compression"),
    ],
)
def test_a_detector_that_cannot_be_opened_is_a_fault_with_its_reason(start_server, properties, reason):
    proxy = start_server(**properties).proxy

    assert proxy.state() == DevState.FAULT
    assert reason in proxy.status()
    for command in (
        ["Arm"],
        ["SoftwareTrigger"],
        ["TakeData", 1.0],
        ["StartStream"],
        ["ReadHistogram", [0, 1]],
        ["ReadRawCounts_Window1", [0, 1, 1]],
        ["SimulateHardwareTriggers", 1],
        ["SaveSettings", "/"],
    ):
        with pytest.raises(tango.DevFailed, match="StateError"):
            proxy.command_inout(*command)
    for name in ("Stop", "Abort", "StopStream"):
        proxy.command_inout(name)
    proxy.ExposureTime = 0.5
    assert proxy.state() == DevState.FAULT
    values = proxy.read_attributes(["nFramesAcquired", "nChannels", "LastError", "WriterState"])
    assert not any(value.has_failed for value in values)


def test_a_writer_that_dies_is_a_fault_after_the_last_frame_and_reset_ends_it(start_server, tmp_path):
    server = start_server()
    proxy = server.proxy
    proxy.ExposureTime, proxy.TriggerMode, proxy.nFramesPerTrigger = 0.001, "INTERNAL", 1500
    proxy.DestinationFileName = str(tmp_path / "x.h5")
    proxy.Arm()
    while proxy.nFramesWritten < 100:
        time.sleep(0.01)
    server.writer.kill()

    wait_for(proxy, DevState.FAULT, 20)
    assert proxy.nFramesAcquired == 1500
    assert "died" in proxy.status()

    proxy.Reset()
    wait_for(proxy, DevState.STANDBY)
    proxy.nFramesPerTrigger, proxy.DestinationFileName = 2, str(tmp_path / "y.h5")
    proxy.Arm()
    wait_for(proxy, DevState.STANDBY)
    assert read_summary(tmp_path / "y.h5").is_complete


def test_without_any_database_the_server_runs_with_its_defaults(start_server):
    proxy = start_server(has_file=False).proxy

    assert proxy.state() == DevState.FAULT  # there is no vendor's library here
    assert "library" in proxy.status()
    assert proxy.ExposureTime == 0.1


def test_logs_of_our_packages_go_to_the_targets_of_tango(start_server, tmp_path, eventually):
    proxy = start_server(Library="/nowhere/lib.so").proxy
    proxy.add_logging_target(f"file::{tmp_path / 'device.log'}")
    proxy.set_logging_level(int(tango.LogLevel.LOG_ERROR))

    proxy.Init()

    eventually(lambda: "tango_device.supervisor: opening" in (tmp_path / "device.log").read_text())
    assert "/nowhere/lib.so" in (tmp_path / "device.log").read_text()


CLIENT = """
import sys, tango
tango.DeviceProxy(sys.argv[1]).Arm()
print("armed", flush=True)
sys.stdin.read()
"""


def test_a_client_that_dies_while_armed_leaves_the_device_to_others(start_server):
    server = start_server()
    command = [sys.executable, "-c", CLIENT, server.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout.readline() == "armed\n"
        client.kill()

    assert server.proxy.state() == DevState.RUNNING
    server.proxy.SoftwareTrigger()
    wait_for(server.proxy, DevState.STANDBY)
    assert server.proxy.nFramesAcquired == 1
