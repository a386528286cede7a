"""The methods of each section do what their C functions do, the simulator standing behind them."""

from __future__ import annotations

import numpy as np
import pytest

from xspress3 import sim
from xspress3.errors import ConfigurationError, SdkError
from xspress3.model import Generation, Window
from xspress3.sdk import DeadTimeParameters, Roi, Sdk, open_library
from xspress3.sdk.calls.formats import Format
from xspress3.sdk.calls.timing import ItfgSetup, TimingSetup
from xspress3.sdk.constants import (
    AcquireInPause,
    ClockFlag,
    ClockSource,
    DeadTimeFlag,
    GapMode,
    ItfgCode,
    ItfgTrigger,
    RunFlag,
    SyncMode,
    TimingSource,
)

CIRCULAR = RunFlag.HIST | RunFlag.SCALERS | RunFlag.CIRCULAR_BUFFER


@pytest.fixture
def open_sdk(monkeypatch):
    opened = []

    def make(n_cards=1, ring_frames=16, **description):
        for name, value in sim.environment(**{"source": "pattern", "clock": "demand", **description}).items():
            monkeypatch.setenv(name, value)
        library = open_library(sim.library_path())
        opened.append(Sdk.config(library, n_cards=n_cards, ring_frames=ring_frames))
        return opened[-1]

    yield make
    for sdk in opened:
        sdk.close()


@pytest.fixture
def sdk(open_sdk):
    return open_sdk()


def run_frames(sdk, n_frames, ticks=1000):
    sdk.set_run_flags(CIRCULAR)
    sdk.format_run()
    sdk.set_glob_timeA(TimingSource.INTERNAL)
    sdk.itfg_setup(n_frames, ticks, ItfgTrigger.BURST, GapMode.GAP_1US)
    sdk.histogram_start()


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


def test_timing_registers_are_read_back(sdk):
    sdk.set_glob_timeA(TimingSource.TTL_VETO_ONLY | 80 << 16)
    sdk.set_glob_timeFixed(5)

    assert sdk.get_glob_timeA() & 0x0FFFFFFF == TimingSource.TTL_VETO_ONLY | 80 << 16
    assert sdk.get_glob_timeFixed() == 5


def test_several_cards_are_timed_in_one_piece(open_sdk):
    sdk = open_sdk(n_cards=2, cards=2, channels=8)
    sdk.set_sync_mode(SyncMode.LEMO_DAISYCHAIN)

    sdk.set_timing(TimingSetup(TimingSource.INTERNAL, is_veto_inverted=True, debounce_ticks=33))

    leader, follower = sdk.get_glob_timeA(0), sdk.get_glob_timeA(1)
    assert (leader & 7, leader >> 16 & 255, leader >> 4 & 1) == (TimingSource.INTERNAL, 33, 1)
    assert follower & 7 == TimingSource.TTL_VETO_ONLY
    with pytest.raises(ConfigurationError, match=r"debounce_ticks=256, allowed is 0\.\.255"):
        sdk.set_timing(TimingSetup(TimingSource.INTERNAL, debounce_ticks=256))


def test_extras_of_the_timing_come_to_the_cards_they_are_for(open_sdk):
    sdk = open_sdk(n_cards=2, cards=2, channels=8)
    sdk.set_timing(
        TimingSetup(
            TimingSource.INTERNAL,
            others_debounce_ticks=44,
            loops_io=True,
            first_extra=0x5 << 24,
            others_extra=0x9 << 24,
        )
    )

    first, other = sdk.get_glob_timeA(0), sdk.get_glob_timeA(1)

    assert (first >> 24 & 15, first >> 7 & 1, first >> 16 & 255) == (5, 1, 0)
    assert (other >> 24 & 15, other >> 7 & 1, other >> 16 & 255) == (9, 0, 44)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"first_extra": 1 << 29}, "first_extra=0x20000000, allowed are the bits of 0xf00f000"),
        ({"others_extra": 3}, "others_extra=0x3, allowed are the bits"),
        ({"others_extra": -1}, r"others_extra=-1, allowed is 0\.\."),
        ({"others_debounce_ticks": 0}, r"others_debounce_ticks=0, allowed is 1\.\.255"),
        ({"others_debounce_ticks": 256}, "others_debounce_ticks=256"),
    ],
)
def test_extras_that_are_the_librarys_own_do_not_reach_it(sdk, fields, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        sdk.set_timing(TimingSetup(TimingSource.INTERNAL, **fields))


def test_the_timing_generator_is_read_back(sdk):
    setup = ItfgSetup(7, 1234, ItfgTrigger.HARDWARE, GapMode.GAP_500NS)
    sdk.itfg_setup2(setup, AcquireInPause.OFF, marker_period=4, marker_frame=3)

    assert sdk.itfg_get_setup() == setup
    assert sdk.has_itfg() is ItfgCode.COUNTS_TRIGGERS_MARKER
    with pytest.raises(ConfigurationError, match=r"marker_frame=4, allowed is 0\.\.3"):
        sdk.itfg_setup2(setup, marker_period=4, marker_frame=4)


def test_the_timing_generator_ends_and_begins_within_a_run(open_sdk):
    sdk = open_sdk(clock="manual")
    run_frames(sdk, 0)
    sdk.itfg_stop()
    sdk.itfg_start()

    assert sdk.get_glob_time_statA() & 1 << 25  # running


def test_markers_come_every_so_many_frames(sdk):
    sdk.set_run_flags(CIRCULAR)
    sdk.format_run()
    sdk.set_glob_timeA(TimingSource.INTERNAL)
    sdk.library.call("xsp3_set_glob_timeFixed", sdk.handle, 0, 2 << 30)  # markers of the generator
    setup = ItfgSetup(8, 1000, ItfgTrigger.BURST, GapMode.GAP_1US)
    sdk.itfg_setup2(setup, marker_period=4, marker_frame=1)
    sdk.histogram_start()

    is_marked = sdk.get_tf_markers(0, 0, 8) != 0

    assert is_marked.tolist() == [False, True, False, False, False, True, False, False]
    assert (sdk.get_tf_status_block(0, 0, 8)["markers"] != 0).tolist() == is_marked.tolist()


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


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda sdk: sdk.set_run_flags(0x7777), r"flags=30583, allowed are the bits PLAYBACK \(1\), .*256\)"),
        (lambda sdk: sdk.clocks_setup(7, ClockFlag.MASTER), r"source=7, allowed is INT \(0\), .*\(33\)"),
        (lambda sdk: sdk.clocks_setup(ClockSource.XTAL, 1 << 29), r"flags=536870912, allowed are the bits"),
        (lambda sdk: sdk.set_sync_mode(6), r"mode=6, allowed is NONE \(0\), .*LEMO_DAISYCHAIN_TEE \(5\)"),
        (lambda sdk: sdk.set_sync_mode(1, True, 16), r"reset_card=16, allowed is 0\.\.15"),
        (
            lambda sdk: sdk.set_timing(TimingSetup(8)),
            r"source=8, allowed is SOFTWARE \(0\), .*LVDS_BOTH \(7\)",
        ),
        (
            lambda sdk: sdk.itfg_setup2(ItfgSetup(1, 100, ItfgTrigger.BURST, GapMode.GAP_1US), 3),
            r"in_pause=3, allowed is OFF \(0\), ALL \(1\), EXCEPT_FIRST \(2\)",
        ),
        (
            lambda sdk: Sdk.config_init(sdk.library, do_init=2),
            r"do_init=2, allowed are the bits NORMAL \(1\)",
        ),
        (
            lambda sdk: Sdk.config_init(sdk.library, readout=8),
            r"readout=8, allowed are the bits SEND_SCALARS",
        ),
        (lambda sdk: Sdk.config_init(sdk.library, dummy=5), r"dummy=5, allowed is REAL \(0\), .*X4 \(4\)"),
        (lambda sdk: sdk.close(unlink=3), r"unlink=3, allowed is NONE \(0\), CREATED \(1\), ALL \(2\)"),
    ],
)
def test_a_number_without_a_name_does_not_reach_the_library(sdk, call, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        call(sdk)


@pytest.mark.parametrize("gives", [6, 9])
def test_a_code_that_a_newer_library_gives_is_told_with_those_that_are_known(compile_library, gives):
    path = compile_library(
        "libnew.so",
        f"""
        char *xsp3_get_error_message(void) {{ return ""; }}
        int xsp3_has_itfg(int path, int card) {{ return {gives}; }}
        int xsp3_get_generation(int path, int card) {{ return {gives}; }}
        int xsp3_itfg_get_setup(int path, int card, int *n, unsigned *t, int *trigger, int *gap)
        {{ *n = 1; *t = 100; *trigger = 4; *gap = 0; return 0; }}
        """,
    )
    sdk = Sdk(open_library(path), 0)

    with pytest.raises(SdkError, match=rf"xsp3_has_itfg .*code={gives}, known is NONE \(0\), .*FULL \(8\)"):
        sdk.has_itfg()
    with pytest.raises(SdkError, match=rf"generation={gives}, known is XSPRESS3 \(0\), .*XSPRESS4 \(3\)"):
        sdk.get_generation()
    with pytest.raises(SdkError, match=r"xsp3_itfg_get_setup .*trigger=4, known is BURST \(0\)"):
        sdk.itfg_get_setup()


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
