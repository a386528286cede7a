"""The electronics' settings, to files and from files."""

from __future__ import annotations

import pytest
from tango import DevFailed, DevState

from tests.tango_device.device.servers import wait_for
from xspress3.sim import write_settings


@pytest.fixture
def proxy(start_server, tmp_path):
    """A device whose calibration says 6 ticks for each channel."""
    write_settings(tmp_path / "calibration", 4, event_widths=[6, 6, 6, 6])
    return start_server(ConfigPath=tmp_path / "calibration").proxy


def event_widths(proxy):
    return [proxy.read_attribute(f"EventWidth_Ch{n}").value for n in range(4)]


def test_settings_of_another_calibration_are_in_force_after_restoring_and_frames_can_be_taken(
    proxy, tmp_path
):
    write_settings(tmp_path / "other", 4, event_widths=[9, 8, 7, 5])
    assert event_widths(proxy) == [6, 6, 6, 6]

    proxy.RestoreSettings(str(tmp_path / "other"))
    proxy.TakeData(0.1)  # at once, as scripts do

    wait_for(proxy, DevState.STANDBY)
    assert event_widths(proxy) == [9, 8, 7, 5]
    assert proxy.nFramesAcquired == 1


def test_reloading_takes_the_calibration_that_the_property_names(proxy, tmp_path):
    write_settings(tmp_path / "other", 4, event_widths=[9, 8, 7, 5])
    proxy.RestoreSettings(str(tmp_path / "other"))

    proxy.ReloadCalibration()

    wait_for(proxy, DevState.STANDBY)
    assert event_widths(proxy) == [6, 6, 6, 6]


def test_a_calibration_that_was_changed_on_disk_is_read_again(proxy, tmp_path):
    write_settings(tmp_path / "calibration", 4, event_widths=[12, 6, 6, 6])

    proxy.ReloadCalibration()

    assert event_widths(proxy) == [12, 6, 6, 6]


def test_what_was_saved_can_be_restored(proxy, tmp_path):
    write_settings(tmp_path / "other", 4, event_widths=[9, 8, 7, 5])
    (tmp_path / "saved").mkdir()
    proxy.RestoreSettings(str(tmp_path / "other"))

    proxy.SaveSettings(str(tmp_path / "saved"))
    assert any((tmp_path / "saved").iterdir())
    proxy.ReloadCalibration()
    assert event_widths(proxy) == [6, 6, 6, 6]
    proxy.RestoreSettings(str(tmp_path / "saved"))

    assert proxy.state() == DevState.STANDBY
    assert event_widths(proxy) == [9, 8, 7, 5]


def test_windows_of_which_the_files_say_nothing_stay_also_over_init(proxy, tmp_path):
    proxy.Window1_Ch0, proxy.Window2_Ch3 = [10, 20], [7, 7]

    proxy.ReloadCalibration()
    assert proxy.Window1_Ch0.tolist() == [10, 20]
    proxy.Init()

    wait_for(proxy, DevState.STANDBY)
    assert proxy.Window1_Ch0.tolist() == [10, 20]
    assert proxy.Window2_Ch3.tolist() == [7, 7]


@pytest.mark.parametrize("command", ["SaveSettings", "RestoreSettings"])
def test_a_directory_that_is_not_there_is_refused(proxy, tmp_path, command):
    with pytest.raises(DevFailed, match="allowed is a directory that exists"):
        proxy.command_inout(command, str(tmp_path / "gone"))

    assert proxy.state() == DevState.STANDBY


def test_settings_that_cannot_be_read_are_an_error_and_the_device_stays_usable(proxy, tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(DevFailed):
        proxy.RestoreSettings(str(tmp_path / "empty"))

    assert proxy.state() == DevState.STANDBY
    assert "RestoreSettings" in proxy.LastError or "restore" in proxy.LastError
    proxy.ReloadCalibration()
    proxy.TakeData(0.1)
    wait_for(proxy, DevState.STANDBY)
    assert proxy.nFramesAcquired == 1


def test_a_device_without_calibration_says_so(start_server):
    with pytest.raises(DevFailed, match="ConfigPath names no directory"):
        start_server().proxy.ReloadCalibration()
