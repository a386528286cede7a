"""What bad arguments give, row by row of the contract: code and text."""

from __future__ import annotations

import pytest

from tests.sim.conftest import CIRCULAR
from xspress3.sdk._sdk import ffi

NULL = ffi.NULL
BUFFER = ffi.new("uint32_t[]", 4096 * 4)
STATUS = ffi.new("Xsp3TFStatus[]", 64)
WORD = ffi.new("uint32_t *")
INT = ffi.new("int[]", 64)
TRIGGER_B = ffi.new("Xspress3_TriggerB *")
DOUBLES = ffi.new("double[]", 4096 * 4)
FLOATS = ffi.new("float[]", 8)
ROOT = ffi.new("char[]", b"/nowhere/at/all")
LONG_ROOT = ffi.new("char[]", b"x" * 2000)
ROI = ffi.new("XSP3Roi[]", [(0, 9, 10)])

WITH_HANDLE = {
    "get_revision": (),
    "get_num_chan": (),
    "get_max_num_chan": (),
    "get_num_cards": (),
    "get_bins_per_mca": (),
    "set_run_flags": (12,),
    "clocks_setup": (0, 1, 3, 0),
    "restore_settings": (NULL, 0),
    "format_run": (-1, 0, 0, 0, 0, 0, 12),
    "set_window": (0, 0, 0, 1),
    "get_window": (0, 0, NULL, NULL),
    "get_trigger_b": (0, TRIGGER_B),
    "set_glob_timeA": (0, 1),
    "set_glob_timeFixed": (0, 0),
    "itfg_setup": (0, 1, 100, 0, 0),
    "measure_clock_frequency": (0,),
    "get_glob_timeA": (0, WORD),
    "get_glob_timeFixed": (0, WORD),
    "get_glob_time_statA": (0, WORD),
    "set_timing": (NULL,),
    "set_sync_mode": (0, 0, 0),
    "has_itfg": (0,),
    "itfg_setup2": (0, 1, 100, 0, 0, 0, 0, 0),
    "itfg_get_setup": (0, NULL, NULL, NULL, NULL),
    "itfg_stop": (0,),
    "itfg_start": (0,),
    "histogram_get_tf_markers": (0, 0, 1, INT),
    "histogram_clear": (0, 1, 0, 1),
    "histogram_start": (0,),
    "histogram_arm": (0,),
    "histogram_continue": (0,),
    "histogram_pause": (0,),
    "histogram_stop": (0,),
    "histogram_is_any_busy": (),
    "scaler_check_progress": (),
    "scaler_check_progress_details": (NULL, 0, NULL),
    "histogram_circ_ack": (0, 0, 1, 1),
    "histogram_get_circ_overrun": (-1, NULL),
    "histogram_get_tf_status_block": (0, 0, 1, STATUS),
    "histogram_read3d": (BUFFER, 0, 0, 0, 1, 1, 1),
    "histogram_read4d": (BUFFER, 0, 0, 0, 0, 1, 1, 1, 1),
    "scaler_read": (BUFFER, 0, 0, 0, 1, 1, 1),
    "get_chans_per_card": (),
    "get_num_chan_used": (0,),
    "get_run_flags": (),
    "restore_settings_and_clock": (NULL, 0),
    "save_settings": (NULL,),
    "get_format": (0, NULL, NULL, NULL, NULL),
    "read_format": (0, 0, NULL, NULL, NULL, NULL, NULL),
    "format_sub_frames": (0, 0, 0, 0, 12, 1, 0),
    "set_good_thres": (0, 0),
    "get_good_thres": (0, NULL),
    "init_roi": (0,),
    "set_roi": (0, 1, ROI),
    "has_roi": (0,),
    "set_trigger_b": (0, TRIGGER_B),
    "histogram_is_busy": (0,),
    "scaler_check_desc": (0,),
    "scaler_get_num_tf": (),
    "histogram_get_dropped": (0,),
    "histogram_get_tf_status": (0, 0, STATUS),
    "histogram_read_chan": (BUFFER, 0, 0, 0, 0, 1, 1, 1),
    "scaler_read_sf": (BUFFER, 0, 0, 0, 0, 1, 1, 1, 1),
    "hist_dtc_read4d": (DOUBLES, NULL, 0, 0, 0, 0, 1, 1, 1, 1),
    "hist_dtc_read3d": (DOUBLES, 0, 0, 0, 1, 1, 1),
    "scaler_dtc_read": (DOUBLES, 0, 0, 0, 1, 1, 1),
    "setDeadtimeCorrectionParameters": (0, 0, 0, 0, 0, 0),
    "getDeadtimeCorrectionParameters": (0, NULL, NULL, NULL, NULL, NULL),
    "setDeadtimeCorrectionParameters2": (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "getDeadtimeCorrectionParameters2": (0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    "getDeadtimeCorrectionFlags": (0, NULL),
    "setDeadtimeCalculationEnergy": (0.0,),
    "i2c_read_adc_temp": (0, FLOATS),
    "i2c_read_fem_temp": (0, FLOATS),
    "i2c_read_mid_plane_temp": (FLOATS,),
    "i2c_set_adc_temp_limit": (0, 80),
    "read_xadc": (0, 0, 1, BUFFER),
    "read_fan_cont": (0, 0, 1, BUFFER),
    "write_fan_cont": (0, 0, 1, BUFFER),
    "histogram_start_list_mode": (0, NULL),
    "histogram_stop_list_mode": (0,),
}


@pytest.mark.parametrize("handle", [-1, 0, 33, 34, 500])
@pytest.mark.parametrize("name", WITH_HANDLE)
def test_a_handle_that_is_not_open_is_refused(library, name, handle):
    assert getattr(library, name)(handle, *WITH_HANDLE[name]) == -2
    assert library.text() == f"xsp3_{name}: invalid path {handle}"


@pytest.mark.parametrize("handle", [-1, 0, 500])
def test_generation_and_clock_period_have_their_own_code_for_that(library, handle):
    assert library.get_generation(handle, 0) == -1
    assert library.text() == f"xsp3_get_generation: invalid path {handle}"
    assert library.get_clock_period(handle, 0) == -1.0
    assert library.text() == f"xsp3_get_clock_period: invalid path {handle}"


@pytest.mark.parametrize("handle", [-1, 0, 500])
def test_dead_time_functions_have_their_own_codes_for_that(library, handle):
    assert library.calculateDeadtimeCorrectionFactors(handle, BUFFER, DOUBLES, DOUBLES, 1, 0, 1) == -6
    assert library.text() == f"xsp3_calculateDeadtimeCorrectionFactors: invalid path {handle}"
    assert library.getDeadtimeCalculationEnergy(handle) == -2.0
    assert library.text() == f"xsp3_getDeadtimeCalculationEnergy: invalid path {handle}"


def test_closing_what_was_never_open(library):
    assert [library.close(handle, 0) for handle in (0, -1, 500)] == [0, -2, -2]


def test_every_function_in_the_table_is_tried_with_a_bad_handle(library):
    handled_elsewhere = {
        "config",
        "config_init",
        "close",
        "get_error_message",
        "get_generation",
        "get_clock_period",
        "calculateDeadtimeCorrectionFactors",
        "getDeadtimeCalculationEnergy",
    }
    names = {name.removeprefix("xsp3_") for name in dir(library.raw)}

    assert names == handled_elsewhere | WITH_HANDLE.keys()


ROWS = [
    # name, arguments, code, text
    ("clocks_setup", (1, 1, 3, 0), -3, "illegal card specified (1)"),
    ("clocks_setup", (0, 0x10, 3, 0), -6, "invalid clk_src"),
    ("set_glob_timeA", (1, 1), -3, "illegal card specified (1)"),
    ("set_glob_timeFixed", (1, 1), -3, "illegal card specified (1)"),
    ("histogram_start", (1,), -3, "illegal card specified (1)"),
    ("histogram_arm", (-2,), -3, "illegal card specified (-2)"),
    ("histogram_continue", (1,), -3, "illegal card specified (1)"),
    ("histogram_pause", (1,), -3, "illegal card specified (1)"),
    ("histogram_stop", (1,), -3, "illegal card specified (1)"),
    ("itfg_setup", (1, 1, 100, 0, 0), -1, "illegal card specified (1)"),
    ("itfg_setup", (-1, 1, 100, 0, 0), -1, "illegal card specified (-1)"),
    ("measure_clock_frequency", (1,), -3, "illegal card specified (1)"),
    ("get_glob_timeA", (1, WORD), -3, "illegal card specified (1)"),
    ("get_glob_timeA", (0, NULL), -1, "NULL"),
    ("get_glob_timeFixed", (-1, WORD), -3, "illegal card specified (-1)"),
    ("get_glob_time_statA", (1, WORD), -3, "illegal card specified (1)"),
    ("set_timing", (NULL,), -1, "NULL"),
    ("set_timing", ([{"debounce": 256}],), -1, "debounce=256 out of range 0..255"),
    ("set_timing", ([{"debounce": -1}],), -1, "debounce=-1 out of range 0..255"),
    ("set_timing", ([{"override_debounce_other": 256}],), -1, "override_debounce_other=256"),
    ("set_sync_mode", (6, 0, 0), -1, "sync_mode=6 out of range 0..5"),
    ("set_sync_mode", (1, 1, 1), -3, "illegal card specified (1)"),
    ("has_itfg", (-1,), -3, "illegal card specified (-1)"),
    ("has_itfg", (1,), -3, "illegal card specified (1)"),
    ("set_glob_timeA", (-2, 1), -3, "illegal card specified (-2)"),
    ("set_glob_timeFixed", (-2, 0), -3, "illegal card specified (-2)"),
    ("set_sync_mode", (-1, 0, 0), -1, "sync_mode=-1 out of range 0..5"),
    ("itfg_setup2", (-1, 1, 100, 0, 0, 0, 0, 0), -1, "illegal card specified (-1)"),
    ("clocks_setup", (0, 99, 3, 0), -6, "invalid clk_src"),
    ("clocks_setup", (-2, 1, 3, 0), -3, "illegal card specified (-2)"),
    ("restore_settings", (NULL, 0), -1, "no directory"),
    ("restore_settings_and_clock", (NULL, 0), -1, "no directory"),
    ("format_run", (-2, 0, 0, 0, 0, 0, 12), -6, "chan=-2 out of range 0..3"),
    ("set_good_thres", (-2, 0), -6, "chan=-2 out of range 0..3"),
    ("get_trigger_b", (-1, TRIGGER_B), -6, "chan=-1 out of range 0..3"),
    ("set_trigger_b", (-1, TRIGGER_B), -6, "chan=-1 out of range 0..3"),
    ("histogram_clear", (-2, 1, 0, 1), -6, "first_chan=-2"),
    ("init_roi", (-2,), -6, "chan=-2 out of range 0..3"),
    ("has_roi", (-1,), -6, "chan=-1 out of range 0..3"),
    ("histogram_start_list_mode", (-2, ROOT), -6, "chan=-2 out of range 0..3"),
    ("histogram_is_busy", (4,), -6, "chan=4 out of range 0..3"),
    ("histogram_get_dropped", (4,), -6, "chan=4 out of range 0..3"),
    ("histogram_read3d", (BUFFER, 0, 0xFFFFFFFF, 0, 1, 1, 1), -6, "DOES NOT FIT IN"),
    ("itfg_setup2", (0, 1, 100, 0, 0, 3, 0, 0), -1, "acq_in_pause=3 out of range 0..2"),
    ("itfg_setup2", (0, 1, 100, 0, 0, 0, -1, 0), -1, "marker_period=-1"),
    ("itfg_setup2", (0, 1, 100, 0, 0, 0, 4, 4), -1, "marker_frame=4 out of range 0..3"),
    ("itfg_get_setup", (-1, NULL, NULL, NULL, NULL), -1, "illegal card specified (-1)"),
    ("itfg_stop", (1,), -1, "illegal card specified (1)"),
    ("itfg_start", (-1,), -1, "illegal card specified (-1)"),
    ("histogram_get_tf_markers", (-1, 0, 1, INT), -6, "chan=-1 out of range 0..3"),
    ("histogram_get_tf_markers", (0, 63, 2, INT), -1, "tf=63 num_tf=2 out of range 0..63"),
    ("histogram_get_tf_markers", (0, 0, 1, NULL), -1, "NULL"),
    ("format_run", (4, 0, 0, 0, 0, 0, 12), -6, "chan=4 out of range 0..3"),
    ("format_run", (-1, 0, 0, 0, 0, 0, 13), -1, "nbits_eng=13 out of range 0..12"),
    ("format_run", (-1, 0, 0, 0, 0, 0, -1), -1, "nbits_eng=-1 out of range 0..12"),
    ("set_window", (4, 0, 0, 1), -1, "chan=4 out of range 0..3"),
    ("set_window", (-2, 0, 0, 1), -1, "chan=-2 out of range 0..3"),
    ("set_window", (0, 2, 0, 1), -1, "win=2 out of range 0..1"),
    ("set_window", (0, 0, -1, 1), -1, "low=-1 high=1 outside 0..4095"),
    ("set_window", (0, 1, 0, 4096), -1, "window 1: low=0 high=4096 outside 0..4095"),
    ("get_window", (-1, 0, NULL, NULL), -6, "chan=-1 out of range 0..3"),
    ("get_window", (0, 2, NULL, NULL), -1, "win=2 out of range 0..1"),
    ("get_trigger_b", (4, TRIGGER_B), -6, "chan=4 out of range 0..3"),
    ("get_trigger_b", (0, NULL), -1, "NULL"),
    ("histogram_clear", (0, 5, 0, 1), -6, "num_chan=5 out of range 0..3"),
    ("histogram_clear", (4, 1, 0, 1), -6, "first_chan=4"),
    ("histogram_clear", (0, 4, 0, 65), -6, "num_frames=65 out of range 0..63"),
    ("histogram_clear", (0, 4, -1, 1), -6, "first_frame=-1"),
    ("histogram_circ_ack", (0, 0, 4, 1), -1, "Not in circular buffer mode"),
    ("histogram_get_circ_overrun", (4, NULL), -6, "chan=4 out of range 0..3"),
    ("histogram_get_circ_overrun", (-2, NULL), -6, "chan=-2 out of range 0..3"),
    ("histogram_get_tf_status_block", (-1, 0, 1, STATUS), -6, "chan=-1 out of range 0..3"),
    ("histogram_get_tf_status_block", (0, 63, 2, STATUS), -1, "tf=63 ntf=2 out of range 0..63"),
    ("histogram_get_tf_status_block", (0, 0, 1, NULL), -1, "NULL"),
    ("histogram_read3d", (BUFFER, 0, 0, 0, 0, 1, 1), -6, "DOES NOT FIT IN (eng, auxXchan, tf)"),
    ("histogram_read3d", (BUFFER, 0, 0, 0, 1, 0, 1), -6, "DOES NOT FIT IN (eng, auxXchan, tf)"),
    ("histogram_read3d", (BUFFER, 0, 0, 0, 1, 1, 0), -6, "DOES NOT FIT IN (eng, auxXchan, tf)"),
    ("histogram_read3d", (BUFFER, 4096, 0, 0, 1, 1, 1), -6, "DOES NOT FIT IN (eng, auxXchan, tf)"),
    ("histogram_read3d", (BUFFER, 1, 0, 0, 4096, 1, 1), -6, "DOES NOT FIT IN (eng, auxXchan, tf)"),
    ("histogram_read3d", (BUFFER, 0, 4, 0, 1, 1, 1), -6, "DOES NOT FIT IN (eng, auxXchan, tf)"),
    ("histogram_read3d", (BUFFER, 0, 0, 64, 1, 1, 1), -6, "DOES NOT FIT IN (eng, auxXchan, tf)"),
    ("histogram_read3d", (NULL, 0, 0, 0, 1, 1, 1), -1, "no buffer"),
    ("histogram_read4d", (BUFFER, 0, 0, 0, 0, 1, 0, 1, 1), -6, "DOES NOT FIT IN (eng, auxXchan, tf)"),
    ("histogram_read4d", (BUFFER, 0, 1, 0, 0, 1, 1, 1, 1), -6, "DOES NOT FIT IN (eng, auxXchan, tf)"),
    ("histogram_read4d", (BUFFER, 0, 0, 0, 0, 1, 2, 1, 1), -6, "DOES NOT FIT IN (eng, auxXchan, tf)"),
    ("histogram_read4d", (BUFFER, 0, 0, 3, 0, 1, 1, 2, 1), -6, "DOES NOT FIT IN (eng, auxXchan, tf)"),
    ("scaler_read", (BUFFER, 0, 0, 0, 10, 1, 1), -6, "DOES NOT FIT IN"),
    ("scaler_read", (BUFFER, 9, 0, 0, 1, 1, 1), -6, "DOES NOT FIT IN"),
    ("scaler_read", (BUFFER, 0, 4, 0, 1, 1, 1), -6, "DOES NOT FIT IN"),
    ("scaler_read", (BUFFER, 0, 0, 64, 1, 1, 1), -6, "DOES NOT FIT IN"),
    ("scaler_read", (NULL, 0, 0, 0, 1, 1, 1), -1, "no buffer"),
    ("save_settings", (NULL,), -1, "no directory"),
    ("get_format", (-1, NULL, NULL, NULL, NULL), -6, "chan=-1 out of range 0..3"),
    ("get_format", (4, NULL, NULL, NULL, NULL), -6, "chan=4 out of range 0..3"),
    ("read_format", (4, 0, NULL, NULL, NULL, NULL, NULL), -6, "chan=4 out of range 0..3"),
    ("read_format", (0, 1, NULL, NULL, NULL, NULL, NULL), -1, "diag_hist=1: allowed is 0"),
    ("format_sub_frames", (0, 0, 0, 0, 12, 2, 0), -1, "num_sub_frames=2"),
    ("format_sub_frames", (0, 1, 5, 0, 12, 1, 0), -1, "just_good=1"),
    ("format_sub_frames", (4, 0, 0, 0, 12, 1, 0), -6, "chan=4 out of range 0..3"),
    ("format_sub_frames", (0, 0, 0, 0, 13, 1, 0), -1, "nbits_eng=13 out of range 0..12"),
    ("set_good_thres", (0, 4096), -1, "good_thres=4096 out of range 0..4095"),
    ("set_good_thres", (4, 0), -6, "chan=4 out of range 0..3"),
    ("get_good_thres", (-1, NULL), -6, "chan=-1 out of range 0..3"),
    ("init_roi", (4,), -6, "chan=4 out of range 0..3"),
    ("has_roi", (4,), -6, "chan=4 out of range 0..3"),
    ("set_roi", (-1, 1, ROI), -6, "chan=-1 out of range 0..3"),
    ("set_roi", (0, -1, ROI), -6, "num_roi=-1"),
    ("set_roi", (0, 1, NULL), -1, "roi is NULL"),
    ("set_trigger_b", (4, TRIGGER_B), -6, "chan=4 out of range 0..3"),
    ("set_trigger_b", (0, NULL), -1, "NULL"),
    ("histogram_is_busy", (-1,), -6, "chan=-1 out of range 0..3"),
    ("scaler_check_desc", (0,), -5, "no DMA stream"),
    ("scaler_check_desc", (1,), -3, "illegal card specified (1)"),
    ("histogram_get_dropped", (-1,), -6, "chan=-1 out of range 0..3"),
    ("histogram_get_tf_status", (4, 0, STATUS), -6, "chan=4 out of range 0..3"),
    ("histogram_get_tf_status", (0, 64, STATUS), -1, "tf=64 ntf=1 out of range 0..63"),
    ("histogram_get_tf_status", (0, 0, NULL), -1, "NULL"),
    ("histogram_read_chan", (BUFFER, 4, 0, 0, 0, 1, 1, 1), -6, "DOES NOT FIT IN (eng, auxXchan, tf)"),
    ("histogram_read_chan", (BUFFER, 0, 4096, 0, 0, 1, 1, 1), -6, "DOES NOT FIT IN (eng, auxXchan, tf)"),
    ("histogram_read_chan", (BUFFER, 0, 0, 1, 0, 1, 1, 1), -6, "DOES NOT FIT IN (eng, auxXchan, tf)"),
    ("histogram_read_chan", (BUFFER, 0, 0, 0, 64, 1, 1, 1), -6, "DOES NOT FIT IN (eng, auxXchan, tf)"),
    ("histogram_read_chan", (NULL, 0, 0, 0, 0, 1, 1, 1), -1, "no buffer"),
    ("scaler_read_sf", (BUFFER, 0, 1, 0, 0, 1, 1, 1, 1), -6, "no sub-frames"),
    ("scaler_read_sf", (BUFFER, 0, 0, 0, 0, 1, 2, 1, 1), -6, "no sub-frames"),
    ("scaler_read_sf", (BUFFER, 0, 0, 4, 0, 1, 1, 1, 1), -6, "DOES NOT FIT IN"),
    ("hist_dtc_read4d", (DOUBLES, NULL, 0, 0, 0, 0, 0, 1, 1, 1), -6, "DOES NOT FIT IN"),
    ("hist_dtc_read4d", (DOUBLES, NULL, 0, 0, 4, 0, 1, 1, 1, 1), -6, "DOES NOT FIT IN"),
    ("hist_dtc_read4d", (DOUBLES, NULL, 0, 1, 0, 0, 1, 1, 1, 1), -6, "DOES NOT FIT IN"),
    ("hist_dtc_read4d", (NULL, DOUBLES, 0, 0, 0, 0, 1, 1, 1, 1), -1, "no buffer"),
    ("hist_dtc_read3d", (DOUBLES, 4096, 0, 0, 1, 1, 1), -6, "DOES NOT FIT IN"),
    ("hist_dtc_read3d", (DOUBLES, 0, 0, 64, 1, 1, 1), -6, "DOES NOT FIT IN"),
    ("scaler_dtc_read", (DOUBLES, 9, 0, 0, 1, 1, 1), -6, "DOES NOT FIT IN"),
    ("scaler_dtc_read", (NULL, 0, 0, 0, 1, 1, 1), -1, "no buffer"),
    (
        "calculateDeadtimeCorrectionFactors",
        (BUFFER, DOUBLES, DOUBLES, 1, 3, 2),
        -6,
        "num_chan=2 out of range",
    ),
    ("calculateDeadtimeCorrectionFactors", (BUFFER, DOUBLES, DOUBLES, -1, 0, 1), -6, "num_tf=-1"),
    ("calculateDeadtimeCorrectionFactors", (NULL, DOUBLES, DOUBLES, 1, 0, 1), -1, "no buffer"),
    ("calculateDeadtimeCorrectionFactors", (BUFFER, NULL, DOUBLES, 1, 0, 1), -1, "no buffer"),
    ("setDeadtimeCorrectionParameters", (4, 0, 0, 0, 0, 0), -6, "chan=4 out of range 0..3"),
    ("setDeadtimeCorrectionParameters", (0, 0, 0, float("nan"), 0, 0), -1, "not finite"),
    ("getDeadtimeCorrectionParameters", (-1, NULL, NULL, NULL, NULL, NULL), -6, "chan=-1 out of range 0..3"),
    ("setDeadtimeCorrectionParameters2", (4, 0, 0, 0, 0, 0, 0, 0, 0, 0), -6, "chan=4 out of range 0..3"),
    ("getDeadtimeCorrectionParameters2", (4, *[NULL] * 9), -6, "chan=4 out of range 0..3"),
    ("getDeadtimeCorrectionFlags", (4, NULL), -6, "chan=4 out of range 0..3"),
    ("i2c_read_adc_temp", (1, FLOATS), -3, "illegal card specified (1)"),
    ("i2c_read_adc_temp", (-1, FLOATS), -3, "illegal card specified (-1)"),
    ("i2c_read_adc_temp", (0, NULL), -1, "NULL"),
    ("i2c_read_fem_temp", (1, FLOATS), -3, "illegal card specified (1)"),
    ("i2c_read_mid_plane_temp", (FLOATS,), -1, "only generation 3 has"),
    ("i2c_set_adc_temp_limit", (1, 80), -3, "illegal card specified (1)"),
    ("i2c_set_adc_temp_limit", (0, 126), -1, "critTemp=126 out of range 0..125"),
    ("read_xadc", (0, 0, 1, BUFFER), -1, "generation 0 has no such monitor"),
    ("read_fan_cont", (1, 0, 1, BUFFER), -3, "illegal card specified (1)"),
    ("read_fan_cont", (0, 15, 2, BUFFER), -6, "offset=15 size=2 out of range 0..15"),
    ("read_fan_cont", (0, -1, 1, BUFFER), -6, "offset=-1"),
    ("read_fan_cont", (0, 0, 1, NULL), -1, "NULL"),
    ("write_fan_cont", (0, 16, 1, BUFFER), -6, "offset=16"),
    ("histogram_start_list_mode", (4, ROOT), -6, "chan=4 out of range 0..3"),
    ("histogram_start_list_mode", (0, NULL), -1, "NULL"),
    ("histogram_start_list_mode", (0, ROOT), -1, "Cannot create /nowhere/at/all_ch00.dat"),
    ("histogram_start_list_mode", (0, LONG_ROOT), -1, "longer than 1023"),
    ("histogram_stop_list_mode", (4,), -6, "chan=4 out of range 0..3"),
]


@pytest.mark.parametrize(("name", "arguments", "code", "text"), ROWS)
def test_a_bad_argument_is_refused(simulate, library, name, arguments, code, text):
    system = simulate()

    assert getattr(system, name)(*arguments) == code
    assert library.text().startswith(f"xsp3_{name}: ")
    assert text in library.text()


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("histogram_circ_ack", (3, 0, 2, 1), -6),
        ("histogram_circ_ack", (4, 0, 1, 1), -6),
        ("histogram_read3d", (BUFFER, 0, 0, 0, 1, 1, 65), -6),
        ("scaler_read", (BUFFER, 0, 0, 0, 1, 1, 65), -6),
        ("histogram_get_tf_status_block", (0, 0, 65, STATUS), -1),
    ],
)
def test_a_ring_has_limits_too(simulate, name, arguments, code):
    system = simulate()
    system.set_run_flags(CIRCULAR)

    assert getattr(system, name)(*arguments) == code


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("scaler_read", (NULL, 0, 0, 0, 0, 1, 1)),
        ("histogram_clear", (0, 0, 0, 1)),
        ("histogram_clear", (0, 4, 0, 0)),
        ("histogram_clear", (-1, 4, 0, 64)),
        ("histogram_circ_ack", (0, 0, 0, 1)),
        ("histogram_circ_ack", (0, 0, 4, 0)),
        ("histogram_circ_ack", (0, 0, 4, 1000)),
        ("histogram_circ_ack", (0, 0xFFFFFFFF, 4, 1)),
        ("set_window", (-1, 1, 4095, 0)),
        ("set_run_flags", (0x7777,)),
        ("set_run_flags", (-1,)),
        ("histogram_stop", (-1,)),
        ("histogram_is_any_busy", ()),
        ("scaler_check_progress_details", (NULL, 0, NULL)),
        ("histogram_get_circ_overrun", (-1, NULL)),
        ("histogram_get_tf_status_block", (0, 0xFFFFFFFF, 64, STATUS)),
    ],
)
def test_what_the_real_one_puts_up_with_is_accepted(simulate, library, name, arguments):
    system = simulate()
    system.set_run_flags(CIRCULAR)

    assert getattr(system, name)(*arguments) == 0, library.text()


def test_frames_beyond_the_buffer_may_be_cleared_on_a_mini(simulate):
    assert simulate(generation="mini").histogram_clear(0, 4, 0, 1000) == 0


def test_the_text_of_the_last_failure_survives_a_success(simulate, library):
    system = simulate()
    system.get_window(9, 0, NULL, NULL)
    text = library.text()

    assert system.get_num_chan() == 4
    assert library.text() == text == "xsp3_get_window: chan=9 out of range 0..3"
