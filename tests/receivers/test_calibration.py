"""Energies rise from bin to bin, or there are none."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from receivers.calibration import Calibration, calibrations_of, read_calibrations
from xspress3.errors import ConfigurationError


def test_the_energy_of_a_bin_is_a_parabola():
    assert Calibration(-0.1, 0.01, 1e-7).energy(np.array([0.0, 1000.0])) == pytest.approx([-0.1, 10.0])


@pytest.mark.parametrize(
    "calibration",
    [
        Calibration(0, 0),
        Calibration(0, -0.01),
        Calibration(0, 0.01, -1e-5),  # turns round at bin 500
        Calibration(0, -0.001, 1e-4),  # rises from bin 5 on only
        Calibration(math.nan, 0.01),
        Calibration(0, math.inf),
        Calibration(2e6, 0.01),
    ],
)
def test_one_that_does_not_rise_or_is_no_number_is_refused(calibration):
    with pytest.raises(ConfigurationError, match="calibration"):
        calibration.check(4096)


def test_one_that_rises_up_to_the_last_bin_is_taken():
    Calibration(0, 0.01, -1.2e-6).check(4096)  # its summit is at bin 4166


def test_one_for_all_channels_or_a_list_with_one_for_each():
    one = {"offset": 0.1, "gain": 0.01}
    assert calibrations_of(one, 2, 64) == (Calibration(0.1, 0.01),) * 2
    assert calibrations_of([one, {"gain": 0.02}], 2, 64)[1] == Calibration(0, 0.02)


@pytest.mark.parametrize(
    "said",
    [
        [{"gain": 1}],
        {"offset": 1},
        {"gain": "1"},
        {"gain": True},
        {"gain": 1, "slope": 2},
        5,
        [],
        {"gain": 10**400},
    ],
)
def test_what_cannot_be_is_refused(said):
    with pytest.raises(ConfigurationError, match="calibration"):
        calibrations_of(said, 2, 64)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "{}", "[" * 100_000, '{"gain": NaN}x'])
def test_a_file_that_says_no_calibration_is_refused_by_name(tmp_path, text):
    path = tmp_path / "energy.json"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match="calibration"):
        read_calibrations(path)


def test_a_file_says_one(tmp_path):
    path = tmp_path / "energy.json"
    path.write_text(json.dumps({"offset": 0, "gain": 0.01}))

    assert calibrations_of(read_calibrations(path), 1, 64) == (Calibration(0, 0.01),)


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"energy\.json"):
        read_calibrations(tmp_path / "energy.json")
