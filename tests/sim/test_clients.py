"""Three clients of the SDK drive the library in their own order of calls, through plain ctypes.

The sequences are those of the MAX IV instrument class, the Lima camera and the EPICS driver. Each must
find the exact number of frames, the counts that the documented pattern says, and no error text.
"""

from __future__ import annotations

import ctypes
import shutil
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int64, c_uint, c_uint32

import numpy as np
import pytest

from xspress3 import sim

N_CHANNELS = 4
N_BINS = 4096
CIRCULAR = 0x10C
PLAIN = 0x0C
XTAL = 1
MASTER_NO_DITHER = 0b11
BURST, SOFTWARE, HARDWARE, FIRST_SOFTWARE, FIRST_HARDWARE = 0, 1, 2, 5, 6
GAP_25NS, GAP_1US = 0, 3
ALL = -1
TICKS = 80_000  # 1 ms at 80 MHz
PERIOD = TICKS * 12.5e-9


class Client:
    """The library as a C program sees it."""

    def __init__(self, path):
        self.lib = ctypes.CDLL(str(path))
        self.lib.xsp3_get_error_message.restype = c_char_p
        self.lib.xsp3_histogram_get_circ_overrun.restype = c_int64
        self.lib.xsp3sim_advance.argtypes = [c_double]
        self.lib.xsp3sim_edges.argtypes = [c_int, c_double]
        self.lib.xsp3sim_gates.argtypes = [c_double, c_double, c_int]
        self.handle = 0

    def __call__(self, name, *arguments):
        """Call a function with the handle; the code must not be negative."""
        code = getattr(self.lib, f"xsp3_{name}")(self.handle, *arguments)
        assert code >= 0, (name, code, self.error())
        return code

    def config(self, ring, circular_module=-1, debug=-1, card_index=-1):
        code = self.lib.xsp3_config(
            1, ring, b"192.168.0.1", -1, None, N_CHANNELS, circular_module, None, debug, card_index
        )
        assert code >= 0, self.error()
        self.handle = code

    def error(self):
        return self.lib.xsp3_get_error_message()

    def advance(self, seconds):
        assert self.lib.xsp3sim_advance(seconds) == 0

    def progress(self):
        return self("scaler_check_progress")

    def read3d(self, frame):
        """One frame as MAX IV and Lima read it."""
        out = np.zeros((N_CHANNELS, N_BINS), "<u4")
        pointer = out.ctypes.data_as(POINTER(c_uint32))
        self("histogram_read3d", pointer, 0, 0, c_uint(frame), N_BINS, N_CHANNELS, 1)
        return out

    def scalers(self, frame):
        out = np.zeros((N_CHANNELS, 9), "<u4")
        self("scaler_read", out.ctypes.data_as(POINTER(c_uint32)), 0, 0, c_uint(frame), 9, N_CHANNELS, 1)
        return out

    def event_time(self, channel):
        parameters = (c_int * 27)()
        self("get_trigger_b", channel, parameters)
        return parameters[13]


def pattern(frame):
    """What the simulator documents for its source `pattern`."""
    channel = np.arange(N_CHANNELS, dtype="<u4")[:, None]
    return np.uint32(frame & 0xFFFF) << 16 | channel << 12 | np.arange(N_BINS, dtype="<u4")


@pytest.fixture
def client(tmp_path, monkeypatch):
    # A copy under a name of its own is a library of its own: its error text begins empty.
    path = shutil.copy(sim.library_path(), tmp_path / "libxspress3.so")
    for name, value in sim.environment(source="pattern", clock="manual", channels=N_CHANNELS).items():
        monkeypatch.setenv(name, value)
    client = Client(path)
    yield client
    client.lib.xsp3_close(client.handle, 0)
    assert client.error() == b""


def open_as_maxiv(client, tmp_path, ring=64):
    settings = sim.write_settings(tmp_path / "settings", n_channels=N_CHANNELS)
    client.config(ring)
    assert client("get_generation", 0) == 0
    client("set_run_flags", CIRCULAR)
    client("clocks_setup", 0, XTAL, MASTER_NO_DITHER, 0)
    client("restore_settings", str(settings).encode(), 0)
    assert client("get_num_chan") == N_CHANNELS
    assert [client.event_time(c) for c in range(N_CHANNELS)] == [6] * N_CHANNELS
    client("get_revision")
    assert client("get_bins_per_mca") == N_BINS


def prepare_as_maxiv(client, n_frames, mode):
    ring = client("format_run", ALL, 0, 0, 0, 0, 0, 12)
    client("histogram_clear", 0, N_CHANNELS, 0, ring)
    client("set_glob_timeA", 0, 1)
    client("itfg_setup", 0, n_frames, TICKS, mode, GAP_25NS)


def read_as_maxiv(client, done):
    """Every frame that is there: read, then given back; nothing may have been overwritten."""
    for frame in range(done, client.progress()):
        np.testing.assert_array_equal(client.read3d(frame), pattern(frame))
        assert (client.scalers(frame)[:, 0] == TICKS).all()
        client("histogram_circ_ack", 0, c_uint(frame), N_CHANNELS, 1)
        done += 1
    assert client("histogram_get_circ_overrun", ALL, None) == 0
    return done


@pytest.mark.parametrize("n_frames", [1, 5, 200])
def test_maxiv_software_trigger_for_all_frames(client, tmp_path, n_frames):
    open_as_maxiv(client, tmp_path)
    for _ in range(2):  # never stopped between two series
        prepare_as_maxiv(client, n_frames, FIRST_SOFTWARE)
        client("histogram_arm", 0)
        assert client.progress() == 0
        client("histogram_continue", 0)
        client("histogram_pause", 0)
        done = 0
        while done < n_frames:
            client.advance(10.5 * PERIOD)
            done = read_as_maxiv(client, done)
        client.advance(PERIOD)
        assert client.progress() == n_frames


def test_maxiv_software_trigger_for_each_frame(client, tmp_path):
    open_as_maxiv(client, tmp_path)
    prepare_as_maxiv(client, 5, SOFTWARE)
    client("histogram_arm", 0)
    done = 0

    for n_triggers in range(1, 6):
        client("histogram_continue", 0)
        client("histogram_pause", 0)
        client.advance(3 * PERIOD)
        done = read_as_maxiv(client, done)
        assert done == n_triggers


@pytest.mark.parametrize(("mode", "n_edges"), [(HARDWARE, 5), (FIRST_HARDWARE, 1)])
def test_maxiv_hardware_trigger(client, tmp_path, mode, n_edges):
    open_as_maxiv(client, tmp_path)
    prepare_as_maxiv(client, 5, mode)
    client("histogram_start", 0)
    client.advance(10 * PERIOD)
    assert client.progress() == 0

    client.lib.xsp3sim_edges(n_edges, 2 * PERIOD)
    client.advance(20 * PERIOD)

    assert read_as_maxiv(client, 0) == 5


def test_maxiv_gates(client, tmp_path):
    open_as_maxiv(client, tmp_path)
    ring = client("format_run", ALL, 0, 0, 0, 0, 0, 12)
    client("histogram_clear", 0, N_CHANNELS, 0, ring)
    client("set_glob_timeA", 0, 4 | 80 << 16)
    client("set_glob_timeFixed", 0, 0)
    client("histogram_start", 0)

    client.lib.xsp3sim_gates(PERIOD, PERIOD, 5)
    client.advance(20 * PERIOD)

    assert read_as_maxiv(client, 0) == 5
    client("histogram_stop", 0)


def test_lima_internal_timing_with_its_pauses(client, tmp_path):
    n_frames = 5
    client.config(64, circular_module=1, debug=0, card_index=0)
    client("init_roi", ALL)
    assert client("get_generation", 0) == 0
    client("clocks_setup", 0, XTAL, MASTER_NO_DITHER, 0)
    client("restore_settings", str(sim.write_settings(tmp_path / "s", n_channels=N_CHANNELS)).encode(), 0)
    client("set_run_flags", PLAIN)
    client("format_run", ALL, 0, 0, 0, 0, 0, 12)
    client("set_glob_timeA", 0, 1 | 80 << 16)
    client("set_glob_timeFixed", 0, 0)
    client("itfg_setup", 0, n_frames, TICKS, BURST, GAP_1US)
    client("histogram_clear", 0, N_CHANNELS, 0, n_frames)

    client("histogram_start", ALL)
    for _ in range(n_frames - 1):
        client.advance(PERIOD)
        client("histogram_pause", ALL)
        client("histogram_continue", ALL)
    client.advance(2 * PERIOD)
    assert client.progress() == n_frames
    client("histogram_stop", ALL)
    assert [client("histogram_is_any_busy") for _ in range(2)] == [0, 0]

    for frame in range(n_frames):
        np.testing.assert_array_equal(client.read3d(frame), pattern(frame))
        assert client.event_time(0) == 6
        raw = client.scalers(frame)
        factors, inputs = np.zeros(N_CHANNELS), np.zeros(N_CHANNELS)
        client(
            "calculateDeadtimeCorrectionFactors",
            raw.ctypes.data_as(POINTER(c_uint32)),
            factors.ctypes.data_as(POINTER(c_double)),
            inputs.ctypes.data_as(POINTER(c_double)),
            1,
            0,
            N_CHANNELS,
        )
        np.testing.assert_array_equal(factors, 1.0)  # no resets and no dead time given


def test_lima_gates(client):
    client.config(64, circular_module=1, debug=0, card_index=0)
    client("init_roi", ALL)
    client("clocks_setup", 0, XTAL, MASTER_NO_DITHER, 0)
    client("set_run_flags", PLAIN)
    client("format_run", ALL, 0, 0, 0, 0, 0, 12)
    client("set_glob_timeA", ALL, 4 | 80 << 16)
    client("histogram_clear", 0, N_CHANNELS, 0, 3)
    client("histogram_start", ALL)

    client.lib.xsp3sim_gates(PERIOD, PERIOD, 3)
    client.advance(10 * PERIOD)

    assert client.progress() == 3
    for frame in range(3):
        np.testing.assert_array_equal(client.read3d(frame), pattern(frame))


def connect_as_epics(client, tmp_path, flags):
    client.config(64, circular_module=1, debug=0, card_index=0)
    client("get_generation", 0)
    client("clocks_setup", 0, XTAL, MASTER_NO_DITHER, 0)
    client("restore_settings", str(sim.write_settings(tmp_path / "s", n_channels=N_CHANNELS)).encode(), 0)
    for channel in range(N_CHANNELS):
        client("format_run", channel, 0, 0, 0, 0, 0, 12)
    client("set_run_flags", flags)
    low, high, threshold = c_uint32(), c_uint32(), c_uint32()
    for channel in range(N_CHANNELS):
        client("set_window", channel, 0, 100, 199)
        client("get_window", channel, 0, byref(low), byref(high))
        assert (low.value, high.value) == (100, 199)
        client("get_good_thres", channel, byref(threshold))
    client("set_glob_timeA", 0, 1)
    flags_, *numbers = c_int(), *(c_double() for _ in range(4))
    for channel in range(N_CHANNELS):
        client("getDeadtimeCorrectionParameters", channel, byref(flags_), *map(byref, numbers))
        assert client.event_time(channel) == 6
    assert client("has_itfg", 0) > 0


def read_as_epics(client, frame, *, corrected):
    if corrected:
        histogram, scalers = np.zeros((N_CHANNELS, N_BINS)), np.zeros((N_CHANNELS, 9))
        client(
            "hist_dtc_read4d",
            histogram.ctypes.data_as(POINTER(c_double)),
            scalers.ctypes.data_as(POINTER(c_double)),
            *(0, 0, 0, c_uint(frame), N_BINS, 1, N_CHANNELS, 1),
        )
        return histogram
    histogram = np.zeros((N_CHANNELS, N_BINS), "<u4")
    pointer = histogram.ctypes.data_as(POINTER(c_uint32))
    client("histogram_read4d", pointer, 0, 0, 0, c_uint(frame), N_BINS, 1, N_CHANNELS, 1)
    client.scalers(frame)
    return histogram


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("flags", [PLAIN, CIRCULAR])
def test_epics_internal_timing_started_twice(client, tmp_path, flags, corrected):
    n_frames = 5
    connect_as_epics(client, tmp_path, flags)
    client("histogram_stop", ALL)
    client("histogram_clear", 0, N_CHANNELS, 0, n_frames)
    for _ in range(2):
        client("itfg_setup", 0, n_frames, TICKS, BURST, GAP_1US)
        client("histogram_start", ALL)
        client.advance(PERIOD / 2)

    frames = []
    while len(frames) < n_frames:
        client.advance(PERIOD)
        for frame in range(len(frames), client.progress()):
            frames.append(read_as_epics(client, frame, corrected=corrected))
            if flags == CIRCULAR:
                client("histogram_circ_ack", 0, c_uint(frame), N_CHANNELS, 1)

    client.advance(5 * PERIOD)
    assert client.progress() == n_frames
    for frame, histogram in enumerate(frames):
        np.testing.assert_array_equal(histogram, pattern(frame))


def test_epics_software_triggers(client, tmp_path):
    connect_as_epics(client, tmp_path, CIRCULAR)
    client("histogram_stop", ALL)
    client("itfg_setup2", 0, 3, TICKS, SOFTWARE, GAP_1US, 0, 0, 0)
    client("histogram_arm", ALL)
    counts = []

    for _ in range(3):
        client("histogram_continue", 0)
        client("histogram_pause", 0)
        client.advance(2 * PERIOD)
        counts.append(client.progress())

    assert counts == [1, 2, 3]
    for frame in range(3):
        np.testing.assert_array_equal(read_as_epics(client, frame, corrected=False), pattern(frame))
    client("histogram_stop", ALL)
    assert client("histogram_is_any_busy") == 0
