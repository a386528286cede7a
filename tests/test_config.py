"""Argument before environment before default."""

from __future__ import annotations

import pytest

from xspress3.config import DetectorConfig, StreamerConfig
from xspress3.errors import ConfigurationError


def test_an_argument_goes_before_the_environment_and_that_before_the_default():
    environment = {"XSPRESS3_BASE_IP": "10.0.0.1", "XSPRESS3_RING_FRAMES": "100"}

    config = DetectorConfig.from_environment(environment, base_ip="10.0.0.2", n_channels=None)

    assert (config.base_ip, config.ring_frames, config.n_channels) == ("10.0.0.2", 100, None)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("XSPRESS3_CHANNELS", "n_channels"),
        ("XSPRESS3_RING_FRAMES", "ring_frames"),
        ("XSPRESS3_CARDS", "n_cards"),
        ("XSPRESS3_SYNC_MODE", "sync_mode"),
    ],
)
def test_numbers_come_from_the_environment(name, field):
    assert getattr(DetectorConfig.from_environment({name: "4"}), field) == 4


def test_a_wiring_that_is_none_is_refused():
    with pytest.raises(ConfigurationError, match=r"sync_mode: 6, allowed is 0\.\.5"):
        DetectorConfig.from_environment({"XSPRESS3_SYNC_MODE": "6"})


def test_a_variable_that_is_no_number_is_refused_by_name():
    with pytest.raises(ConfigurationError, match="XSPRESS3_CHANNELS='four', allowed is an integer"):
        DetectorConfig.from_environment({"XSPRESS3_CHANNELS": "four"})


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"compression": "zip"}, "compression: 'zip'"),
        ({"data_port": 65536}, "data_port: 65536, allowed is 0..65535"),
        ({"stream_id": ""}, "stream_id: empty"),
        ({"curve_secret_key": "a"}, "curve_allowed_keys: None, allowed are both or neither"),
    ],
)
def test_a_streamer_that_cannot_be_is_refused(fields, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        StreamerConfig(**fields)


def test_the_keys_of_a_streamer_come_from_the_environment_unless_they_are_given():
    environment = {"XSPRESS3_CURVE_SECRET_KEY": "a.key_secret", "XSPRESS3_CURVE_ALLOWED_KEYS": "clients"}

    arguments = {"curve_secret_key": "b.key_secret", "data_port": None}

    config = StreamerConfig.from_environment(environment, **arguments)

    assert (config.curve_secret_key, config.curve_allowed_keys) == ("b.key_secret", "clients")
    assert config.data_port == StreamerConfig.data_port
