"""Methods of dead time do what their C functions do."""

from __future__ import annotations

import numpy as np
import pytest

from tests.sdk.conftest import run_frames
from xspress3.errors import ConfigurationError, SdkError
from xspress3.model import Window
from xspress3.sdk import DeadTimeParameters, Sdk
from xspress3.sdk.constants import (
    DeadTimeFlag,
)


def test_corrected_reads_are_the_plain_ones_times_the_factor(open_sdk):
    sdk = open_sdk(source="physics", rate=500_000, clock="demand")
    sdk.set_dead_time_parameters(DeadTimeParameters(all_event_offset=1e-7, in_window_offset=1e-7))
    sdk.set_dead_time_energy(6.0)
    sdk.set_window(0, Window(600, 700))
    run_frames(sdk, 3, ticks=80_000)
    plain, scalers = np.zeros((3, 4, 4096), "<u4"), np.zeros((3, 4, 9), "<u4")
    sdk.histogram_read4d(plain, 0)
    sdk.scaler_read(scalers, 0)
    corrected, corrected3, corrected_scalers, other = (
        np.zeros(plain.shape),
        np.zeros(plain.shape),
        np.zeros(scalers.shape),
        np.zeros(scalers.shape),
    )

    factors, inputs = sdk.calculate_dead_time_correction_factors(scalers)
    sdk.hist_dtc_read4d(corrected, corrected_scalers, 0)
    sdk.hist_dtc_read4d(corrected, None, 0)
    sdk.hist_dtc_read3d(corrected3, 0)
    sdk.scaler_dtc_read(other, 0)

    assert (factors > 1).all()
    np.testing.assert_allclose(corrected, plain * factors[:, :, None])
    np.testing.assert_allclose(corrected3, corrected)
    np.testing.assert_allclose(corrected_scalers[:, :, 5], scalers[:, :, 5] * factors)
    np.testing.assert_allclose(corrected_scalers[:, :, 3], inputs)
    np.testing.assert_array_equal(other, corrected_scalers)
    assert sdk.get_dead_time_energy() == 6.0


def test_corrected_scalers_that_do_not_fit_the_histogram_do_not_reach_the_library(sdk):
    with pytest.raises(ConfigurationError, match=r"scalers \(1, 1, 9\) for a histogram \(64, 4, 16\)"):
        sdk.hist_dtc_read4d(np.zeros((64, 4, 16)), np.zeros((1, 1, 9)), 0)


def test_dead_time_parameters_keep_their_places_in_both_orders(sdk):
    wanted = DeadTimeParameters(DeadTimeFlag.USE_GOOD_EVENT, 1e-7, 2e-9, 3e-7, 4e-9)

    sdk.set_dead_time_parameters(wanted, channel=0)
    sdk.set_dead_time_parameters2(wanted, channel=1)

    for channel in (0, 1):
        assert sdk.get_dead_time_parameters(channel) == wanted
        assert sdk.get_dead_time_parameters2(channel) == wanted
        assert sdk.get_dead_time_flags(channel) is DeadTimeFlag.USE_GOOD_EVENT


@pytest.mark.parametrize("energy", [-1.0, float("nan"), float("inf")])
def test_an_energy_that_cannot_be_does_not_reach_the_library(sdk, energy):
    with pytest.raises(ConfigurationError, match="allowed is 0 and more"):
        sdk.set_dead_time_energy(energy)


def test_a_negative_energy_of_another_program_is_told_and_is_no_error(sdk):
    sdk.library.call("xsp3_setDeadtimeCalculationEnergy", sdk.handle, -3.0)

    assert sdk.get_dead_time_energy() == -3.0


def test_asking_a_handle_that_is_not_open_for_its_energy_is_an_error(sdk):
    stranger = Sdk(sdk.library, 33)

    with pytest.raises(SdkError, match="invalid path 33"):
        stranger.get_dead_time_energy()
