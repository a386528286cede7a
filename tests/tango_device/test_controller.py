"""The decisions of the device, without Tango: a real streamer, a real writer, a simulated detector."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import numpy as np
import pytest

from receivers.hdf5.summary import read_summary
from tango_device.controller import DeviceState
from tango_device.readings import WindowSums
from tests.tango_device.conftest import SIMULATED
from xspress3.errors import ConfigurationError, SinkError, StateError, Xspress3Error
from xspress3.sdk import Roi
from xspress3.streamer.history import ScalerHistory

DATA = "/entry/instrument/xspress3/data"


def take(controller, **settings):
    """One session that the settings ask for, started by one software trigger; waits for its end."""
    for name, value in settings.items():
        setattr(controller.settings, name, value)
    session = controller.arm()
    assert controller.frames_acquired == 0
    controller.software_trigger()
    assert controller.wait_idle(10)
    return session


def test_an_idle_device_stands_by_and_an_armed_one_runs_until_the_file_is_closed(controller, told, tmp_path):
    controller.set_file_name(str(tmp_path / "a b.c.h5"))

    session = take(controller, frames_per_trigger=5)

    assert controller.state is DeviceState.STANDBY, controller.reason
    assert controller.frames_acquired == session.streamed == controller.frames_written == 5
    assert read_summary(tmp_path / "a b.c.h5").is_complete
    assert [state for state, _ in told.states] == ["INIT", "STANDBY", "RUNNING", "STANDBY"]


def test_who_asks_the_stream_for_its_status_hears_of_the_file_as_well(controller, tmp_path):
    controller.set_file_name(str(tmp_path / "x.h5"))
    take(controller, frames_per_trigger=5)

    status = controller._hardware.streamer.status().as_dict()

    assert (status["written"], status["file"]) == (5, str(tmp_path / "x.h5"))


def test_an_empty_name_and_a_writer_switched_off_make_no_file(controller, tmp_path):
    take(controller)
    controller.set_file_name(str(tmp_path / "x.h5"))
    take(controller, is_written=False)

    assert list(tmp_path.iterdir()) == []
    assert controller.state is DeviceState.STANDBY


def test_arming_again_appends_and_writing_the_name_again_begins_another_file(controller, tmp_path):
    controller.set_file_name(str(tmp_path / "x.h5"))
    take(controller, frames_per_trigger=3)
    take(controller)
    controller.set_file_name(str(tmp_path / "x.h5"))
    take(controller)

    with h5py.File(tmp_path / "x.h5") as first, h5py.File(tmp_path / "x_1.h5") as second:
        assert (len(first[DATA]), len(second[DATA])) == (6, 3)
    assert controller.last_file == str(tmp_path / "x_1.h5")


def test_an_overwritable_file_is_begun_anew_each_time(controller, tmp_path):
    controller.set_file_name(str(tmp_path / "x.h5"))
    for n_frames in (3, 2):
        take(controller, frames_per_trigger=n_frames, is_overwritable=True)

    with h5py.File(tmp_path / "x.h5") as file:
        assert len(file[DATA]) == 2
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("relative.h5", "absolute path"),
        ("/", "absolute path of a file"),
        ("{}/gone/x.h5", "gone does not exist"),
        ("{}", "is a directory"),
        ("{}/x\0.h5", "absolute path"),
        ("/proc/x.h5", "proc"),
    ],
)
def test_a_file_that_cannot_be_made_makes_arming_fail_before_anything_changed(
    controller, told, tmp_path, name, reason
):
    controller.set_file_name(name.format(tmp_path))
    before = list(told.states)

    with pytest.raises((ConfigurationError, SinkError), match=reason):
        controller.arm()

    assert told.states == before
    assert controller.state is DeviceState.STANDBY
    assert reason in controller.last_error


def test_files_are_made_below_the_allowed_directories_only(make_controller, tmp_path):
    (tmp_path / "in").mkdir()
    controller = make_controller(replace(SIMULATED, allowed_directories=(str(tmp_path / "in"),)))

    for name in (tmp_path / "x.h5", tmp_path / "in" / ".." / "x.h5"):
        controller.set_file_name(str(name))
        with pytest.raises(ConfigurationError, match="allowed is below"):
            controller.arm()


@pytest.mark.parametrize(
    "settings",
    [
        {"n_triggers": 3, "frames_per_trigger": 2},
        {"latency_time": 1.0},
        {"n_triggers": 1 << 20, "frames_per_trigger": 1 << 20},
        {"trigger_mode": "INTERNAL", "n_triggers": 2},
        {"exposure_time": 100.0},
    ],
)
def test_what_does_not_go_together_is_refused_by_arming_and_leaves_the_device_idle(controller, settings):
    for name, value in settings.items():
        setattr(controller.settings, name, value)

    with pytest.raises(ConfigurationError):
        controller.arm()

    assert controller.state is DeviceState.STANDBY


def test_a_trigger_for_each_frame_of_a_scan(controller, eventually):
    controller.settings.n_triggers = 4
    controller.arm()

    for n in range(4):
        controller.software_trigger()
        eventually(lambda n=n: controller.frames_acquired == n + 1)

    assert controller.wait_idle(5)
    assert controller.state is DeviceState.STANDBY


def test_triggers_are_refused_when_none_is_due(controller):
    with pytest.raises(StateError, match="Arm first"):
        controller.software_trigger()
    controller.settings.exposure_time = 1.0
    controller.settings.n_triggers = 2
    controller.arm()
    controller.software_trigger()
    assert not controller.is_ready_for_trigger
    with pytest.raises(StateError, match="0 of 1 frames"):
        controller.software_trigger()
    controller.stop()
    with pytest.raises(StateError, match="STANDBY"):
        controller.software_trigger()


def test_arming_twice_is_refused_and_says_how_far_the_first_one_is(controller):
    controller.settings.frames_per_trigger = 10
    controller.arm()

    with pytest.raises(StateError, match="0 of 10 frames"):
        controller.arm()

    controller.stop()
    assert controller.state is DeviceState.STANDBY


def test_stop_keeps_the_frames_taken_and_closes_the_file(controller, tmp_path, eventually):
    controller.set_file_name(str(tmp_path / "x.h5"))
    controller.settings.frames_per_trigger = 10_000
    controller.arm()
    controller.software_trigger()
    eventually(lambda: controller.frames_acquired > 3)

    controller.stop()

    assert controller.state is DeviceState.STANDBY
    with h5py.File(tmp_path / "x.h5") as file:
        assert len(file[DATA]) == controller.frames_acquired == controller.frames_written


def test_stop_reset_and_abort_are_harmless_when_idle(controller):
    controller.stop()
    controller.stop(is_waiting=False)
    controller.reset()
    assert controller.wait_open(10)

    take(controller)
    assert controller.state is DeviceState.STANDBY


def test_hardware_triggers_take_a_frame_each(controller):
    controller.settings.trigger_mode = "EXTERNAL_MULTI"
    controller.settings.n_triggers = 20
    controller.arm()
    with pytest.raises(StateError, match="allowed with SOFTWARE"):
        controller.software_trigger()

    controller.simulate_triggers(20)

    assert controller.wait_idle(10)
    assert controller.frames_acquired == 20


def test_gates_take_a_frame_each_however_they_are_counted(controller):
    controller.settings.trigger_mode = "EXTERNAL_MULTI_GATE"
    controller.settings.n_triggers, controller.settings.frames_per_trigger = 4, 5
    controller.arm()

    controller.simulate_triggers(20)

    assert controller.wait_idle(10)
    assert controller.frames_acquired == 20


def test_data_are_taken_for_a_time_or_until_stopped(controller, eventually):
    session = controller.take_data(0.05)
    assert controller.wait_idle(5)
    assert session.acquired == 25

    controller.start_stream()
    eventually(lambda: controller.frames_acquired > 5)
    controller.stop()
    assert controller.state is DeviceState.STANDBY


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_time_that_cannot_be_is_refused(controller, seconds):
    with pytest.raises(ConfigurationError, match="TakeData"):
        controller.take_data(seconds)


def test_a_writer_that_died_is_told_and_another_one_takes_the_rest(make_controller, tmp_path, eventually):
    controller = make_controller(replace(SIMULATED, ring_frames=8192))  # for machines that are busy
    controller.settings.exposure_time = 0.002
    controller.set_file_name(str(tmp_path / "x.h5"))
    controller.settings.frames_per_trigger = 2000
    controller.arm()
    controller.software_trigger()
    eventually(lambda: controller.frames_written > 0)

    os.kill(controller.hardware.writer.pid, signal.SIGKILL)

    assert controller.wait_idle(15)
    assert controller.frames_acquired == 2000
    assert controller.state is DeviceState.FAULT
    assert "died" in controller.reason

    controller.reset()
    assert controller.wait_open(10)
    controller.set_file_name(str(tmp_path / "y.h5"))
    take(controller, frames_per_trigger=2)
    assert controller.state is DeviceState.STANDBY


def test_windows_are_in_force_and_stay_after_a_reset(controller):
    controller.set_window(1, 0, 100, 4095)
    controller.reset()
    assert controller.wait_open(10)

    assert controller.windows[1][0] == (100, 4095)
    with pytest.raises(ConfigurationError, match=r"0\.\.1"):
        controller.set_window(2, 0, 1, 2)
    for low, high in [(-1, 5), (5, 4096), (6, 5)]:
        with pytest.raises(ConfigurationError):
            controller.set_window(0, 0, low, high)


def test_nothing_of_the_hardware_is_changed_while_frames_are_taken(controller):
    controller.arm()

    for change in (
        lambda: controller.set_window(0, 0, 1, 2),
        lambda: controller.set_rois([]),
        lambda: controller.set_inputs(is_veto_inverted=True),
        lambda: controller.save_settings("/"),
    ):
        with pytest.raises(StateError, match="allowed in STANDBY"):
            change()

    controller.stop()


def test_counts_in_windows_come_back_for_each_frame_counted_from_one(controller):
    controller.set_window(0, 0, 0, 4095)
    take(controller, frames_per_trigger=6)

    histogram, _ = controller.read_frames(0, 6)
    raw = controller.window_counts(0, 0, 1, 8, corrected=False)
    corrected = controller.window_counts(0, 0, 1, 6, corrected=True)

    assert raw.tolist() == [*histogram[:, 0].sum(axis=1).tolist(), -1, -1]
    assert (corrected >= raw[:6]).all()
    assert controller.sums().raw[0, 0] == raw[:6].sum()
    assert controller.sums().corrected[0, 0] == pytest.approx(corrected.sum())


def test_a_corrected_sum_is_nan_when_nothing_was_live_in_a_frame(controller):
    history = ScalerHistory()
    history.begin(1, 2)
    scalers = np.full((2, 2, 9), 10, dtype="<u4")
    scalers[:, :, 0] = 1_000_000  # clock ticks
    scalers[1, 0, 0] = 0
    history.offer(0, scalers)
    sums = WindowSums(controller.info)

    sums.update(history)

    assert sums.raw[0].tolist() == [20, 20]
    assert np.isnan(sums.corrected[0]).tolist() == [True, False]


def test_the_newest_frame_is_that_of_the_ring(controller):
    take(controller, frames_per_trigger=6)

    readings = controller.readings()
    histogram, scalers = controller.read_frames(5, 1)

    assert readings.frame == 5
    assert np.array_equal(readings.histogram, histogram[0])
    assert np.array_equal(readings.scalers, scalers[0])
    assert readings.sum_spectrum.sum() == histogram.sum()


def test_frames_that_are_not_there_are_refused(controller):
    with pytest.raises(ConfigurationError, match="no frames"):
        controller.read_frames(0, 1)
    take(controller, frames_per_trigger=300)
    for first, n_frames in [(299, 2), (-1, 1), (0, 0), (0, 1 << 40)]:
        with pytest.raises(ConfigurationError):
            controller.read_frames(first, n_frames)
    with pytest.raises(Xspress3Error, match="overwritten"):
        controller.read_frames(0, 2)


def test_parts_of_the_spectrum_are_recorded(controller, tmp_path):
    controller.set_rois([Roi(100, 199, 50), Roi(1000, 1099, 100)])
    controller.set_file_name(str(tmp_path / "x.h5"))
    take(controller)

    with h5py.File(tmp_path / "x.h5") as file:
        assert file[DATA].shape == (1, 2, 150)
    assert controller.readings().histogram.shape == (2, 150)


def test_a_library_that_is_not_there_is_a_fault_that_says_so_until_it_is_opened_with_another(make_controller):
    controller = make_controller(replace(SIMULATED, library="/nowhere/lib.so"))

    assert controller.state is DeviceState.FAULT
    assert "/nowhere/lib.so" in controller.reason
    with pytest.raises(StateError, match="FAULT"):
        controller.arm()
    controller.stop()

    controller.open(SIMULATED)
    assert controller.wait_open(10)
    take(controller)
    assert controller.state is DeviceState.STANDBY


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dialect": "morse"}, "StreamDialect"),
        ({"slow_reader": "shoot"}, "slow_reader"),
        ({"compression": "zip"}, "compression"),
        ({"streamer_port": 70000}, "data_port"),
        ({"allowed_directories": ("data",)}, "AllowedDirectories"),
        ({"sim_description": ("channels",)}, "SimDescription"),
        ({"event_widths": (6,)}, "event_widths"),
        ({"cards": 0}, "n_cards"),
    ],
)
def test_a_property_that_cannot_be_is_a_fault_that_names_it(make_controller, change, reason):
    controller = make_controller(replace(SIMULATED, **change))

    assert controller.state is DeviceState.FAULT
    assert reason in controller.reason


def test_opening_again_and_again_ends_ready(controller, told):
    for _ in range(100):
        controller.reset()

    assert controller.wait_open(10)
    assert controller.state is DeviceState.STANDBY
    assert sum(state == "STANDBY" for state, _ in told.states) < 20


def test_opening_again_in_mid_run_closes_the_file_properly(controller, tmp_path, eventually):
    controller.set_file_name(str(tmp_path / "x.h5"))
    controller.settings.frames_per_trigger = 100_000
    controller.arm()
    controller.software_trigger()
    eventually(lambda: controller.frames_acquired > 3)

    controller.reset()

    assert controller.wait_open(15)
    assert read_summary(tmp_path / "x.h5").as_dict()["end_reason"].startswith("stopped")


def test_a_receiver_that_is_required_and_missing_makes_arming_fail_with_its_name(make_controller):
    controller = make_controller(replace(SIMULATED, required_receivers=("recorder",)))
    began = time.monotonic()

    with pytest.raises(Xspress3Error, match="recorder"):
        controller.arm()

    assert time.monotonic() - began < 3
    assert controller.state is DeviceState.STANDBY
