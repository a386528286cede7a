"""Every command in every state: what is refused changes nothing, and the device stays usable."""

from __future__ import annotations

import time

import pytest
import tango
from tango import DevState

from tests.tango_device.device.servers import CALL_TIME, wait_for
from xspress3.sim import write_settings

pytestmark = pytest.mark.timeout(180)

INIT_TIME = 4.0
"""Seconds for which INIT surely lasts, once `Bench` has entered it."""
STATES = ("INIT", "STANDBY", "armed", "frames", "FAULT")
S, C, OK = "StateError", "ConfigurationError", ""
TABLE = {
    "Arm": (S, OK, S, S, S),
    "SoftwareTrigger": (S, S, OK, S, S),
    "Stop": (OK, OK, OK, OK, OK),
    "Abort": (OK, OK, OK, OK, OK),
    "StopStream": (OK, OK, OK, OK, OK),
    "Reset": (OK, OK, OK, OK, OK),
    "Init": (OK, OK, OK, OK, OK),
    "TakeData": (S, OK, S, S, S),
    "StartStream": (S, OK, S, S, S),
    "SaveSettings": (S, OK, S, S, S),
    "RestoreSettings": (S, OK, S, S, S),
    "ReloadCalibration": (S, OK, S, S, S),
    "SimulateHardwareTriggers": (S, S, C, C, S),  # armed for software
    "ReadHistogram": (S, C, C, OK, OK),  # there are no frames yet
    "ReadScalers": (S, C, C, OK, OK),
    "ReadRawCounts_Window1": (S, OK, OK, OK, OK),
    "ReadRawCounts_Window2": (S, OK, OK, OK, OK),
    "ReadDtcCounts_Window1": (S, OK, OK, OK, OK),
    "ReadDtcCounts_Window2": (S, OK, OK, OK, OK),
    "State": (OK, OK, OK, OK, OK),
    "Status": (OK, OK, OK, OK, OK),
}
"""What each command answers in each of `STATES`: the reason of its `DevFailed`, or that it is carried out."""


class Bench:
    """A device that is brought into a state, again and again."""

    def __init__(self, server, folder):
        self.server, self.proxy, self.folder = server, server.proxy, folder
        self.proxy.ExposureTime = 0.002

    def enter(self, state):
        """Be in the state, coming from STANDBY."""
        self.rest()
        getattr(self, f"_enter_{state.lower()}")()

    def rest(self):
        if self.server.writer.status() == "stopped":
            self.server.writer.resume()
        self.proxy.Stop()
        if self.proxy.state() == DevState.FAULT or self.proxy.SessionId:
            self.proxy.Reset()  # also forgets the session
        wait_for(self.proxy, DevState.STANDBY, 30)
        self.proxy.DestinationFileName = ""

    def _enter_init(self):
        """Held there by a writer that does not end, for the ten seconds that it has."""
        self.server.writer.suspend()
        self.proxy.Reset()
        assert self.proxy.state() == DevState.INIT

    def _enter_standby(self):
        pass

    def _enter_armed(self):
        self.proxy.nFramesPerTrigger = 100_000
        self.proxy.Arm()

    def _enter_frames(self):
        self._enter_armed()
        self.proxy.SoftwareTrigger()
        self._wait_for_frame()

    def _enter_fault(self):
        self.proxy.nFramesPerTrigger = 300
        self.proxy.DestinationFileName = str(self.folder / "x.h5")
        self.proxy.Arm()
        self.proxy.SoftwareTrigger()
        self._wait_for_frame()
        self.server.writer.kill()
        wait_for(self.proxy, DevState.FAULT, 30)

    def _wait_for_frame(self):
        deadline = time.monotonic() + 15
        while self.proxy.nFramesAcquired < 1:
            assert time.monotonic() < deadline

    def call(self, command):
        """Reason of the `DevFailed`, empty for none; within the time that clients wait."""
        arguments = {
            "TakeData": (0.004,),
            "SaveSettings": (str(self.folder / "saved"),),
            "RestoreSettings": (str(self.folder / "calibration"),),
            "SimulateHardwareTriggers": (1,),
            "ReadHistogram": ([0, 1],),
            "ReadScalers": ([0, 1],),
        }
        given = arguments.get(command, ([0, 1, 1],) if "Counts" in command else ())
        began = time.monotonic()
        try:
            self.proxy.command_inout(command, *given)
            return OK
        except tango.DevFailed as error:
            text = error.args[0].desc
            assert "allowed" in text or "no frames were taken" in text, text
            return error.args[0].reason
        finally:
            assert time.monotonic() - began < CALL_TIME


@pytest.fixture
def bench(start_server, tmp_path):
    write_settings(tmp_path / "calibration", 4)
    (tmp_path / "saved").mkdir()
    made = Bench(start_server(ConfigPath=tmp_path / "calibration"), tmp_path)
    yield made
    made.rest()


def test_the_table_names_every_command(device):
    assert {info.cmd_name for info in device.command_list_query()} == TABLE.keys()


@pytest.mark.parametrize("name", STATES)
def test_each_command_does_in_each_state_what_the_table_says(bench, name):
    expected = {command: answers[STATES.index(name)] for command, answers in TABLE.items()}
    found = {}
    entered, since = None, 0.0
    for command in sorted(TABLE, key=lambda one: expected[one] == OK):  # those that change something last
        is_ending = name == "INIT" and time.monotonic() - since > INIT_TIME
        if bench.proxy.state() != entered or is_ending:
            bench.enter(name)
            entered, since = bench.proxy.state(), time.monotonic()
        found[command] = bench.call(command)
        if found[command] != OK:
            assert bench.proxy.state() == entered, command

    assert found == expected
    bench.rest()
    assert bench.call("TakeData") == OK  # as usable after as before
    wait_for(bench.proxy, DevState.STANDBY)
