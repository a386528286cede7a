"""Acquisitions, and what the simulated detector gives for them."""

from __future__ import annotations

import numpy as np

from xspress3.model import N_SCALERS, Acquisition, TriggerMode

EXPOSURE = 0.01


def internal(n_frames):
    return Acquisition(exposure_time=EXPOSURE, frames_per_trigger=n_frames)


def software(n_triggers=1, frames_per_trigger=1):
    return Acquisition(
        exposure_time=EXPOSURE,
        n_triggers=n_triggers,
        frames_per_trigger=frames_per_trigger,
        trigger_mode=TriggerMode.SOFTWARE,
    )


def external(mode=TriggerMode.EXTERNAL_MULTI, n_triggers=1, frames_per_trigger=1, **fields):
    return Acquisition(
        exposure_time=EXPOSURE,
        n_triggers=n_triggers,
        frames_per_trigger=frames_per_trigger,
        trigger_mode=mode,
        **fields,
    )


def read(detector, first_frame, n_frames):
    info = detector.info
    histogram = np.empty((n_frames, info.n_channels, info.n_bins), "<u4")
    scalers = np.empty((n_frames, info.n_channels, N_SCALERS), "<u4")
    detector.read_into(first_frame, histogram, scalers)
    return histogram, scalers


def pattern(first_frame, n_frames, n_channels=4, n_bins=4096):
    """What the simulator documents for its source `pattern`."""
    frame = np.arange(first_frame, first_frame + n_frames, dtype="<u8")[:, None, None]
    channel = np.arange(n_channels, dtype="<u8")[None, :, None]
    return ((frame & 0xFFFF) << 16 | channel << 12 | np.arange(n_bins, dtype="<u8")).astype("<u4")
