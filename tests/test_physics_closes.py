"""The dead-time correction finds the true rate again: simulated events, through the whole detector layer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from xspress3 import sim
from xspress3.config import DetectorConfig
from xspress3.dead_time import dead_ticks, input_count_rate
from xspress3.detector import Xspress3Detector
from xspress3.model import N_SCALERS, Acquisition, as_scalers
from xspress3.sim.control import SimControl

EVENTS_WANTED = 200_000
N_CHANNELS = 4


def measure(monkeypatch, rate, event_width, lost_part=0.0):
    """Scalers of enough frames at a true rate of `rate` per second, and the detector's own numbers.

    `lost_part` of each frame's ticks do not arrive.
    """
    frame_time = min(max(2000 / rate, 1e-3), 1.0)
    n_frames = math.ceil(EVENTS_WANTED / (rate * frame_time))
    described = {"source": "physics", "clock": "demand", "event_width": event_width, "seed": 11}
    for name, value in sim.environment(rate=[rate] * N_CHANNELS, channels=N_CHANNELS, **described).items():
        monkeypatch.setenv(name, value)
    with Xspress3Detector.open(DetectorConfig(library=str(sim.library_path()))) as detector:
        lose_packets(lost_part * frame_time / detector.info.clock_period)
        detector.arm(Acquisition(exposure_time=frame_time, frames_per_trigger=n_frames))
        raw = np.empty((n_frames, N_CHANNELS, N_SCALERS), "<u4")
        histogram = np.empty((n_frames, N_CHANNELS, detector.info.n_bins), "<u4")
        detector.read_into(0, histogram, raw)
        factors = detector.dead_time_correction(raw)
        info = detector.info
    return as_scalers(raw), histogram, factors, info


def lose_packets(ticks):
    control = SimControl(sim.library_path())
    for channel in range(N_CHANNELS if ticks >= 1 else 0):
        control.fault(f"drop {channel} 0 1000000 {int(ticks)}")


@pytest.fixture(autouse=True)
def no_faults():
    yield
    SimControl(sim.library_path()).fault("clear")


@pytest.mark.parametrize("lost_part", [0.1, 0.75])
@pytest.mark.parametrize("rate", [1e4, 1e6])
def test_the_correction_makes_up_for_dropped_packets(monkeypatch, rate, lost_part):
    scalers, histogram, factors, info = measure(monkeypatch, rate, 6, lost_part)
    exposure = scalers["total_ticks"].sum(axis=0, dtype=np.int64) * info.clock_period

    # Pile-up is no dead time: held against all events. These spread by 1 / sqrt(N), more with dead time.
    corrected = (scalers["all_events"] * factors).sum(axis=0) / exposure
    n_events = scalers["all_events"].sum(axis=0, dtype=np.int64)
    arrived = scalers["clock_ticks"].sum(axis=0, dtype=np.int64) * info.clock_period
    sigma = rate * (factors.mean() * arrived / exposure) / np.sqrt(n_events)
    assert (scalers["clock_ticks"] < scalers["total_ticks"]).all()
    assert (np.abs(corrected - rate) < 3 * sigma).all(), (corrected, rate, sigma)
    assert (n_events / exposure < 0.95 * rate).all()  # uncorrected it would be wrong
    np.testing.assert_array_equal(histogram.sum(axis=2, dtype=np.uint32), scalers["all_good"])


@pytest.mark.parametrize("event_width", [6, 60])
@pytest.mark.parametrize("rate", [1e3, 1e4, 1e5, 3e5, 1e6])
def test_the_true_rate_is_found_within_three_standard_deviations(monkeypatch, rate, event_width):
    scalers, histogram, factors, info = measure(monkeypatch, rate, event_width)

    n_events = scalers["all_events"].sum(axis=0, dtype=np.int64)
    real = (scalers["clock_ticks"].astype(np.int64) - scalers["reset_ticks"]).sum(axis=0)
    live = real - n_events * (event_width + 1)
    found = n_events / (live * info.clock_period)
    # N of a Poisson distribution spreads by sqrt(N); N / (L - N d) by sqrt(N) L / (L - N d)^2.
    sigma = np.sqrt(n_events) * real / live.astype(float) ** 2 / info.clock_period
    assert (np.abs(found - rate) < 3 * sigma).all(), (found, rate, sigma)
    np.testing.assert_array_equal(histogram.sum(axis=2, dtype=np.uint32), scalers["all_good"])
    assert (factors >= 1).all()


@pytest.mark.parametrize("rate", [1e4, 1e6])
def test_the_rate_of_each_frame_spreads_about_the_true_one(monkeypatch, rate):
    scalers, _, _, info = measure(monkeypatch, rate, event_width=6)

    rates = input_count_rate(scalers, info.event_widths, info.clock_period)

    standard_error = rates.std(axis=0) / math.sqrt(len(rates))
    assert (np.abs(rates.mean(axis=0) - rate) < 4 * standard_error).all()
    assert (dead_ticks(scalers, info.event_widths) < scalers["clock_ticks"]).all()
