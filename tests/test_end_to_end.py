"""From the detector to a file: simulator, streamer and writer as separate processes."""

from __future__ import annotations

import h5py
import hdf5plugin  # noqa: F401  # makes the filter known
import numpy as np
import pytest

from tests.programs import serve, write_session
from xspress3 import sim
from xspress3.model import SCALER_NAMES
from xspress3.sim.control import SimControl

DETECTOR = "/entry/instrument/xspress3"
READER = ("--wait-readers", 1, "--join-timeout", 15)


def described(**description):
    return [word for key, value in description.items() for word in ("--sim", f"{key}={value}")]


@pytest.mark.parametrize("compression", ["bslz4", "none"])
def test_every_bin_of_every_frame_is_in_the_file_at_its_place(tmp_path, compression):
    n_frames = 1000
    options = ("--frames", n_frames, "--exposure", 1e-4, "--compression", compression, "--ring-frames", 100)
    with serve(*described(source="pattern", clock="demand", channels=3), *options, *READER) as server:
        report = write_session(server, tmp_path)

    with h5py.File(report["path"]) as file:
        data = file[DETECTOR]["data"]
        assert data.shape == (n_frames, 3, 4096)
        bins = np.arange(4096, dtype="<u4")
        for first in range(0, n_frames, 100):
            frame = np.arange(first, first + 100, dtype="<u4")[:, None, None]
            channel = np.arange(3, dtype="<u4")[None, :, None]
            np.testing.assert_array_equal(data[first : first + 100], frame << 16 | channel << 12 | bins)
        np.testing.assert_array_equal(file[DETECTOR]["frame_number"][()], np.arange(n_frames))
        all_events = file[DETECTOR]["all_events"][()]
        np.testing.assert_array_equal(all_events, np.repeat(np.arange(n_frames)[:, None], 3, axis=1))
    assert (report["frames_received"], report["frames_lost"], report["is_complete"]) == (n_frames, 0, True)


@pytest.mark.parametrize("name", ["xspress3-multipart", "xspress3-dump"])
def test_recorded_frames_played_back_are_in_the_file_exactly(tmp_path, recordings, name):
    recorded = np.load(recordings / f"{name}.npz", allow_pickle=False)
    n_frames = len(recorded["histogram"])
    playback = sim.write_playback(recordings / f"{name}.npz", tmp_path / "playback.npz")
    options = ("--frames", n_frames, "--exposure", 0.001)
    with serve(*described(source="playback", playback=playback, clock="demand"), *options, *READER) as server:
        report = write_session(server, tmp_path)

    with h5py.File(report["path"]) as file:
        detector = file[DETECTOR]
        np.testing.assert_array_equal(detector["data"][()], recorded["histogram"])
        for scaler in ("all_events", "all_good", "clock_ticks", "total_ticks", "reset_ticks"):
            np.testing.assert_array_equal(detector[scaler][()], recorded[scaler], err_msg=scaler)
        np.testing.assert_array_equal(detector["event_width"][()], recorded["event_width"])
        np.testing.assert_allclose(
            detector["dead_time_correction"][()], recorded["dead_time_correction"], rtol=1e-12
        )
        # The recorded output count rates are too small by the square of the clock frequency.
        np.testing.assert_allclose(
            detector["output_count_rate"][()], recorded["output_count_rate"] * 80e6**2, rtol=1e-12
        )


def test_simulated_physics_reaches_the_file_as_the_seed_says(tmp_path, monkeypatch):
    description = {"source": "physics", "clock": "demand", "channels": 2, "seed": 42}
    with serve(*described(**description), "--frames", 20, "--exposure", 0.01, *READER) as server:
        report = write_session(server, tmp_path)

    histogram, scalers = true_frames(monkeypatch, description, 20, exposure_time=0.01)
    with h5py.File(report["path"]) as file:
        np.testing.assert_array_equal(file[DETECTOR]["data"][()], histogram)
        for place, name in enumerate(SCALER_NAMES):
            np.testing.assert_array_equal(file[DETECTOR][name][()], scalers[:, :, place], err_msg=name)


def true_frames(monkeypatch, description, n_frames, exposure_time):
    """What the simulator holds for these frames, asked of the library in this process."""
    from xspress3.config import DetectorConfig
    from xspress3.detector import Xspress3Detector
    from xspress3.model import Acquisition

    for key, value in sim.environment(**description).items():
        monkeypatch.setenv(key, value)
    with Xspress3Detector.open(DetectorConfig(library=str(sim.library_path()))) as detector:
        detector.arm(Acquisition(exposure_time=exposure_time, frames_per_trigger=n_frames))
        control = SimControl()
        frames = [
            [control.truth(detector.handle, channel, frame) for channel in range(detector.info.n_channels)]
            for frame in range(n_frames)
        ]
    return (
        np.array([[spectrum for spectrum, _ in channels] for channels in frames]),
        np.array([[scalers for _, scalers in channels] for channels in frames]),
    )


def test_frames_in_real_time_come_whole(tmp_path):
    options = ("--frames", 300, "--exposure", 0.001)
    with serve(*described(source="pattern", channels=1), *options, *READER) as server:
        report = write_session(server, tmp_path)

    with h5py.File(report["path"]) as file:
        np.testing.assert_array_equal(file[DETECTOR]["data"][:, 0, 5] >> 16, np.arange(300))
