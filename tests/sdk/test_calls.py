"""The methods of the other sections do what their C functions do, the simulator standing behind them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.sdk.conftest import CIRCULAR, run_frames
from xspress3.errors import ConfigurationError, SdkError
from xspress3.model import Generation
from xspress3.sdk import DeadTimeParameters, Roi, Sdk
from xspress3.sdk.calls.formats import Format
from xspress3.sdk.constants import (
    ClockFlag,
    ClockSource,
    DeadTimeFlag,
)


def test_channels_are_shared_among_cards(open_sdk):
    sdk = open_sdk(n_cards=2, cards=2, channels=8)

    assert (sdk.get_num_cards(), sdk.get_num_chan(), sdk.get_chans_per_card()) == (2, 8, 4)
    assert [sdk.get_num_chan_used(card) for card in (0, 1)] == [4, 4]


def test_the_clock_is_measured_as_it_is(open_sdk):
    assert open_sdk(generation="4").measure_clock_frequency() == pytest.approx(100e6, rel=1e-3)


def test_run_flags_are_read_back(sdk):
    sdk.set_run_flags(CIRCULAR)

    assert sdk.get_run_flags() == CIRCULAR


def test_an_attached_system_is_configured_without_touching_hardware(sdk):
    with pytest.raises(SdkError, match="xsp3_config_init"):
        Sdk.config_init(sdk.library, dummy=1, card_index=5)


def test_settings_are_saved_and_restored(sdk, tmp_path):
    wanted = DeadTimeParameters(DeadTimeFlag.USE_GOOD_EVENT, 1e-7, 2e-9, 3e-7, 4e-9)
    sdk.set_dead_time_parameters(wanted)
    parameters = sdk.get_trigger_b(1)
    parameters.event_time = 9
    sdk.set_trigger_b(1, parameters)
    sdk.save_settings(str(tmp_path))
    sdk.set_dead_time_parameters(DeadTimeParameters())
    parameters.event_time = 5
    sdk.set_trigger_b(1, parameters)

    sdk.restore_settings_and_clock(str(tmp_path))

    assert sdk.get_dead_time_parameters(2) == wanted
    assert sdk.get_trigger_b(1).event_time == 9


def test_an_event_width_beyond_its_register_does_not_reach_the_library(sdk):
    parameters = sdk.get_trigger_b(0)
    parameters.event_time = 128

    with pytest.raises(ConfigurationError, match=r"event_time=128, allowed is 2\.\.127"):
        sdk.set_trigger_b(0, parameters)


def test_the_format_is_told_as_kept_and_as_the_hardware_has_it(sdk):
    sdk.format_run(n_energy_bits=10)

    # A quarter of the bins: four times the frames of the 16 that the ring was asked for.
    assert sdk.get_format(0) == Format(1024, 1, 1, 64)
    assert sdk.read_format(0) == (4, Format(1024, 1, 1, 64))
    assert sdk.scaler_get_num_tf() >= 16


def test_sub_frames_are_beyond_the_simulator_and_said_so(sdk):
    with pytest.raises(SdkError, match="xsp3_format_sub_frames"):
        sdk.format_sub_frames(4)


def test_thresholds_are_read_back(sdk):
    sdk.set_good_thres(77, channel=2)

    assert [sdk.get_good_thres(c) for c in (1, 2)] == [0, 77]
    with pytest.raises(ConfigurationError, match=r"threshold=4096, allowed is 0\.\.4095"):
        sdk.set_good_thres(4096)


def test_regions_change_the_bins_of_one_channel(sdk):
    assert sdk.has_roi(0)
    assert sdk.set_roi(1, [Roi(0, 99, 50), Roi(200, 299, 100)]) == 150
    sdk.init_roi()

    with pytest.raises(ConfigurationError, match=r"number of regions=9, allowed is 0\.\.8"):
        sdk.set_roi(1, [Roi(i, i, 1) for i in range(9)])


def test_a_single_place_of_the_ring_is_told(sdk):
    run_frames(sdk, 20)
    sdk.histogram_circ_ack(0, 4, sdk.get_num_chan())

    status = sdk.get_tf_status(0, 3)

    assert (status["frame"], status["uses"]) == (19, 1)


def test_progress_is_told_in_each_way(sdk):
    run_frames(sdk, 5)

    assert sdk.scaler_check_progress() == 5
    assert not sdk.histogram_is_busy(0)
    assert sdk.histogram_get_dropped(0) == 0
    with pytest.raises(SdkError) as caught:
        sdk.scaler_check_desc(0)
    assert caught.value.name == "XSP3_INVALID_DMA_STREAM"


def test_one_channel_is_read_as_in_a_read_of_all(sdk):
    run_frames(sdk, 4)
    one, every = np.zeros((4, 1, 100), "<u4"), np.zeros((4, 4, 100), "<u4")

    sdk.histogram_read_chan(one, 0, channel=2, first_bin=50)
    sdk.histogram_read4d(every, 0, first_bin=50)

    np.testing.assert_array_equal(one[:, 0], every[:, 2])
    with pytest.raises(ConfigurationError, match="2 channels, allowed is 1"):
        sdk.histogram_read_chan(np.zeros((1, 2, 10), "<u4"), 0, channel=0)


def test_scalers_of_the_only_sub_frame_are_the_scalers(sdk):
    run_frames(sdk, 4)
    with_sub_frames, plain = np.zeros((4, 4, 1, 9), "<u4"), np.zeros((4, 4, 9), "<u4")

    sdk.scaler_read_sf(with_sub_frames, 0)
    sdk.scaler_read(plain, 0)

    np.testing.assert_array_equal(with_sub_frames[:, :, 0], plain)


def test_temperatures_are_as_many_as_there_are_sensors(open_sdk):
    sdk = open_sdk()

    adc = sdk.read_adc_temperatures(Generation.XSPRESS3)
    fem = sdk.read_fem_temperatures()

    assert (len(adc), len(fem)) == (4, 2)
    assert all(0 < value < 100 for value in adc + fem)
    sdk.set_adc_temperature_limit(60)


def test_an_xspress4_has_other_sensors(open_sdk):
    sdk = open_sdk(generation="4")

    assert len(sdk.read_adc_temperatures(Generation.XSPRESS4)) == 5
    assert len(sdk.read_mid_plane_temperatures()) == 3
    assert len(sdk.read_xadc()) == 11
    assert sdk.read_xadc(first=2, number=3) == sdk.read_xadc()[2:5]


def test_the_fan_controller_takes_what_it_is_told(sdk):
    sdk.write_fan_controller(7, [80])

    assert sdk.read_fan_controller(7) == [80]


def test_list_mode_writes_a_file_for_each_channel(sdk, tmp_path):
    sdk.histogram_start_list_mode(str(tmp_path / "events"))
    sdk.histogram_stop_list_mode()
    sdk.histogram_stop_list_mode()

    assert sorted(path.name for path in tmp_path.iterdir()) == [f"events_ch{c:02}.dat" for c in range(4)]


def test_clock_sources_are_those_of_the_generation(open_sdk):
    sdk = open_sdk(generation="mini", channels=2)

    assert sdk.clocks_setup(ClockSource.MINI_CDCM61004, ClockFlag.MASTER) == 80_000_000
    with pytest.raises(SdkError, match="clk_src"):
        sdk.clocks_setup(ClockSource.XTAL, ClockFlag.MASTER)
