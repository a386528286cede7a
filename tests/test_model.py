"""Values refuse what cannot be, and say what can."""

from __future__ import annotations

import numpy as np
import pytest

from xspress3.errors import ConfigurationError
from xspress3.model import N_SCALERS, SCALER_NAMES, SCALER_UNITS, Acquisition, TriggerMode, Window, as_scalers


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"exposure_time": 0.0}, "exposure_time: 0.0 s, allowed is above 0 s"),
        ({"exposure_time": -1.0}, "exposure_time: -1.0 s"),
        ({"exposure_time": float("nan")}, "exposure_time: nan s"),
        ({"exposure_time": float("inf")}, "exposure_time: inf s"),
        ({"exposure_time": 0.1, "latency_time": 0.1}, "latency_time: 0.1 s, allowed is 0 s to below"),
        ({"exposure_time": 0.1, "latency_time": -1e-9}, "latency_time: -1e-09 s"),
        ({"exposure_time": 0.1, "frames_per_trigger": 0}, "frames_per_trigger: 0, allowed is 1..16777215"),
        ({"exposure_time": 0.1, "frames_per_trigger": 1 << 24}, "frames_per_trigger: 16777216"),
        ({"exposure_time": 0.1, "n_triggers": 2}, "n_triggers: 2 with trigger mode internal, allowed is 1"),
        (
            {
                "exposure_time": 0.1,
                "n_triggers": 2,
                "frames_per_trigger": 2,
                "trigger_mode": TriggerMode.SOFTWARE,
            },
            "2 triggers of 2 frames each",
        ),
        ({"exposure_time": 0.1, "n_triggers": 5000, "frames_per_trigger": 5000}, "5000 triggers of 5000"),
    ],
)
def test_an_acquisition_that_cannot_be_is_refused(fields, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        Acquisition(**fields)


@pytest.mark.parametrize(
    ("low", "high", "complaint"),
    [(-1, 5, "low=-1 outside 0..4095"), (0, 4096, "high=4096 outside 0..4095"), (9, 8, "low=9 above high=8")],
)
def test_a_window_that_cannot_be_is_refused(low, high, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        Window(low, high)


def test_scalers_are_called_by_name_without_a_copy():
    raw = np.arange(2 * 3 * N_SCALERS, dtype="<u4").reshape(2, 3, N_SCALERS)

    scalers = as_scalers(raw)

    assert scalers.shape == (2, 3)
    for place, name in enumerate(SCALER_NAMES):
        np.testing.assert_array_equal(scalers[name], raw[:, :, place])
    assert np.shares_memory(scalers, raw)


@pytest.mark.parametrize("raw", [np.zeros((2, 8), "<u4"), np.zeros((2, 9), "<i4"), np.zeros((2, 9), "<f8")])
def test_what_are_not_nine_words_is_refused_as_scalers(raw):
    with pytest.raises(ConfigurationError, match=r"allowed is \(..., 9\) uint32"):
        as_scalers(raw)


def test_every_scaler_has_a_unit():
    assert len(SCALER_UNITS) == len(SCALER_NAMES) == 9
