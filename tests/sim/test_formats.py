"""Regions, formats, thresholds, trigger parameters, saved settings, and the longer way in."""

from __future__ import annotations

import numpy as np
import pytest

from tests.sim.conftest import config_arguments, words
from xspress3.sdk._sdk import ffi
from xspress3.sim import write_playback, write_settings

NULL = ffi.NULL
CLOCK, _, _, ALL_EVENTS, ALL_GOOD, WINDOW0, WINDOW1, PILEUP, _ = range(9)


def text_argument(text):
    return ffi.new("char[]", str(text).encode())


def regions(*rows):
    return ffi.new("XSP3Roi[]", list(rows))


def run(system, n_frames=2, ticks=800_000):
    system.setup(n_frames=n_frames, ticks=ticks)
    system.histogram_start(-1)
    assert system.progress() == n_frames


def format_of(system, channel):
    numbers = [ffi.new("int *") for _ in range(4)]
    assert system.get_format(channel, *numbers) == 0
    return [number[0] for number in numbers]


# Regions of interest


def test_regions_become_the_energy_axis_in_the_order_given(simulate):
    system = simulate(clock="demand", source="physics")
    run(system)
    whole = system.spectra(0, 2)

    assert system.has_roi(0) > 0
    assert system.set_roi(1, 2, regions((1000, 1199, 1), (600, 699, 50))) == 51
    part = np.full((2, 1, 51), 0xDEADBEEF, dtype="<u4")
    assert system.histogram_read4d(words(part), 0, 0, 1, 0, 51, 1, 1, 2) == 0

    assert np.array_equal(part[:, 0, 0], whole[:, 1, 1000:1200].sum(axis=1))
    assert np.array_equal(part[:, 0, 1:], whole[:, 1, 600:700].reshape(2, 50, 2).sum(axis=2))
    assert part.sum() > 100
    assert format_of(system, 1) == [51, 1, 1, 64]
    assert format_of(system, 0) == [4096, 1, 1, 64]
    some = np.zeros(3, dtype="<u4")
    assert system.histogram_read_chan(words(some), 1, 20, 0, 1, 3, 1, 1) == 0
    assert np.array_equal(some, part[1, 0, 20:23])


def test_channels_read_together_share_the_shortest_axis(simulate, library):
    system = simulate(clock="demand")
    run(system)
    out = np.zeros((2, 10), dtype="<u4")
    assert system.set_roi(2, 1, regions((0, 9, 10))) == 10

    assert system.histogram_read3d(words(out), 0, 1, 0, 10, 2, 1) == 0
    assert system.histogram_read3d(words(out), 0, 1, 0, 11, 1, 1) == 0
    assert system.histogram_read3d(words(out), 0, 2, 0, 11, 1, 1) == -6
    assert "DOES NOT FIT IN (eng, auxXchan, tf) = (10, 4, 64)" in library.text()


@pytest.mark.parametrize("channel", [1, -1])
def test_init_roi_brings_all_bins_back(simulate, channel):
    system = simulate(clock="demand")
    run(system)
    whole = system.spectra()
    system.set_roi(1, 1, regions((0, 9, 10)))

    assert system.init_roi(channel) == 0
    assert np.array_equal(system.spectra(), whole)


def test_no_region_is_no_axis(simulate):
    system = simulate(clock="demand")
    run(system)

    assert system.set_roi(0, 0, NULL) == 0
    assert system.histogram_read3d(words(np.zeros(1, "<u4")), 0, 0, 0, 1, 1, 1) == -6


def test_more_regions_than_documented_are_taken(simulate):
    system = simulate()

    assert system.set_roi(0, 100, regions(*[(i * 40, i * 40 + 39, 4) for i in range(100)])) == 400


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([(10, 9, 1)], "lhs=10 rhs=9"),
        ([(-1, 9, 1)], "lhs=-1"),
        ([(0, 4096, 1)], "rhs=4096, allowed is 0 <= lhs <= rhs <= 4095"),
        ([(-2147483648, 2147483647, 1)], "lhs=-2147483648"),
        ([(0, 9, 0)], "out_bins=0, allowed is 1..10"),
        ([(0, 9, -1)], "out_bins=-1"),
        ([(0, 9, 3)], "10 bins are not a multiple of out_bins=3"),
        ([(0, 9, 20)], "not a multiple"),
        ([(20, 29, 1), (0, 20, 1)], "region 1: bin 20 is in another region too"),
    ],
)
def test_a_bad_region_is_refused_and_changes_nothing(simulate, library, rows, complaint):
    system = simulate()
    system.set_roi(0, 1, regions((0, 9, 5)))

    assert system.set_roi(0, len(rows), regions(*rows)) == -6
    assert complaint in library.text()
    assert format_of(system, 0)[0] == 5


# Formats


def test_the_format_is_read_back(simulate):
    system = simulate(num_tf=16)
    numbers = [ffi.new("int *") for _ in range(5)]
    assert system.format_sub_frames(-1, 0, 0, 0, 10, 1, 0) == 64

    assert system.read_format(2, 0, *numbers) == 0
    assert [number[0] for number in numbers] == [4, 1024, 1, 1, 64]
    assert format_of(system, 3) == [1024, 1, 1, 64]
    assert system.scaler_get_num_tf() == 64
    assert system.get_format(0, NULL, NULL, NULL, NULL) == 0
    assert system.read_format(0, 0, NULL, NULL, NULL, NULL, NULL) == 0


def test_run_flags_are_read_back(simulate):
    system = simulate()
    assert system.get_run_flags() == 0x0C
    system.set_run_flags(0x7777)

    assert system.get_run_flags() == 0x7777


def test_one_channel_and_one_sub_frame_read_as_the_whole_does(simulate):
    system = simulate(clock="demand", source="physics")
    run(system, 3)
    spectra, scalers = system.spectra(0, 3), system.scalers(0, 3)
    one, nine = np.zeros((2, 100), "<u4"), np.zeros((2, 2, 9), "<u4")

    assert system.histogram_read_chan(words(one), 2, 600, 0, 1, 100, 1, 2) == 0
    assert system.scaler_read_sf(words(nine), 0, 0, 1, 1, 9, 1, 2, 2) == 0
    assert np.array_equal(one, spectra[1:3, 2, 600:700])
    assert np.array_equal(nine, scalers[1:3, 1:3])


def test_one_status_is_the_first_of_a_block(simulate):
    system = simulate(clock="demand", num_tf=8)
    system.setup(n_frames=5, ticks=100, flags=0x10C)
    system.histogram_start(-1)
    status = ffi.new("Xsp3TFStatus *")

    assert system.histogram_get_tf_status(1, 3, status) == 0
    assert (status.state, status.time_frame) == (1, 3)


# Good threshold


@pytest.mark.parametrize(("ticks", "rate"), [(800_000, 1e5), (80_000_000, 9e5)], ids=["events", "bins"])
def test_events_up_to_the_threshold_are_not_good(simulate, ticks, rate):
    system = simulate(clock="demand", source="physics", rate=[rate] * 4)
    run(system, 2, ticks)
    system.set_window(-1, 0, 0, 4095)
    system.set_window(-1, 1, 600, 680)
    all_spectra, all_scalers = system.spectra(0, 2), system.scalers(0, 2)
    assert system.set_good_thres(-1, 650) == 0
    spectra, scalers = system.spectra(0, 2), system.scalers(0, 2)

    assert not spectra[:, :, :651].any()
    assert np.array_equal(spectra[:, :, 651:], all_spectra[:, :, 651:])
    assert np.array_equal(scalers[..., ALL_GOOD], spectra.sum(axis=2))
    assert np.array_equal(scalers[..., WINDOW0], spectra.sum(axis=2))
    assert np.array_equal(scalers[..., WINDOW1], spectra[:, :, 600:681].sum(axis=2))
    unchanged = [CLOCK, ALL_EVENTS, PILEUP]
    assert np.array_equal(scalers[..., unchanged], all_scalers[..., unchanged])
    assert (scalers[..., ALL_GOOD] < all_scalers[..., ALL_GOOD]).all()


def test_a_recording_has_its_threshold_too(simulate, tmp_path):
    spectra = np.random.default_rng(3).integers(0, 9, (2, 2, 256), dtype=np.uint32)
    np.savez(tmp_path / "in.npz", histogram=spectra)
    system = simulate(
        clock="demand", source="playback", playback=write_playback(tmp_path / "in.npz", tmp_path / "out.npz")
    )
    run(system)
    system.set_window(-1, 0, 0, 200)
    assert system.set_good_thres(1, 100) == 0
    wanted = spectra.copy()
    wanted[:, 1, :101] = 0

    assert np.array_equal(system.spectra(0, 2)[:, :, :256], wanted)
    assert np.array_equal(system.scalers(0, 2)[..., ALL_GOOD], wanted.sum(axis=2))
    assert np.array_equal(system.scalers(0, 2)[..., WINDOW0], wanted[:, :, :201].sum(axis=2))


def test_the_threshold_is_of_a_channel_and_read_back(simulate):
    system = simulate()
    value = ffi.new("uint32_t *", 9)
    system.set_good_thres(2, 4095)

    assert [(system.get_good_thres(channel, value), value[0]) for channel in (1, 2)] == [(0, 0), (0, 4095)]
    assert system.get_good_thres(0, NULL) == 0


# Trigger parameters and saved settings


def trigger_b(**fields):
    values = {name: 10 * i for i, (name, _) in enumerate(ffi.typeof("Xspress3_TriggerB").fields)}
    return ffi.new("Xspress3_TriggerB *", values | {"event_time": 40} | fields)


def contents(struct):
    return {name: getattr(struct, name) for name, _ in ffi.typeof("Xspress3_TriggerB").fields}


@pytest.mark.parametrize("width", [1, 128])
def test_an_event_width_out_of_its_range_is_refused(simulate, library, width):
    system = simulate()

    assert system.set_trigger_b(0, trigger_b(event_time=width)) == -1
    assert f"event_time={width} out of range 2..127" in library.text()


@pytest.mark.parametrize("restore", ["restore_settings", "restore_settings_and_clock"])
def test_saved_settings_come_back(simulate, tmp_path, restore):
    first, second = simulate(), simulate(card_index=1)
    parameters = trigger_b(sep1=-2147483648, sep2=2147483647)
    dtc = (-5, 1 / 3, 87.5e-9, 1e-300, -0.1)
    assert first.set_trigger_b(2, parameters) == 0
    assert first.setDeadtimeCorrectionParameters(3, *dtc) == 0

    assert first.save_settings(text_argument(tmp_path)) == 0
    assert getattr(second, restore)(text_argument(tmp_path), 0) == 0

    back = ffi.new("Xspress3_TriggerB *")
    assert second.get_trigger_b(2, back) == 0
    assert contents(back) == contents(parameters)
    flags, numbers = ffi.new("int *"), [ffi.new("double *") for _ in range(4)]
    assert second.getDeadtimeCorrectionParameters(3, flags, *numbers) == 0
    assert (flags[0], *(number[0] for number in numbers)) == dtc


def test_settings_are_saved_over_those_that_are_there_and_know_their_firmware(simulate, tmp_path):
    write_settings(tmp_path, event_widths=[99] * 16)
    mini, other = simulate(generation="mini"), simulate(generation="4", card_index=1)

    assert mini.save_settings(text_argument(tmp_path)) == 0
    assert other.restore_settings(text_argument(tmp_path), 0) == -1
    assert "major revision 32, the firmware has 48" in other.library.text()
    assert other.restore_settings(text_argument(tmp_path), 1) == 0
    back = ffi.new("Xspress3_TriggerB *")
    assert [(other.get_trigger_b(0, back), back.event_time)] == [(0, 6)]


def test_settings_need_a_directory_that_is_there_and_can_be_written(simulate, library, tmp_path):
    system = simulate()

    assert system.save_settings(text_argument(tmp_path / "none")) == -1
    assert library.text().startswith("xsp3_save_settings: Cannot open output file")
    assert system.save_settings(text_argument("x" * 5000)) == -1
    (tmp_path / "trigger_b.dat").symlink_to("/dev/full")
    assert system.save_settings(text_argument(tmp_path)) == -12
    assert library.text() == f"xsp3_save_settings: Cannot write {tmp_path}/trigger_b.dat"


# Configuring with more arguments


def init_arguments(do_init=1, readout=0, dummy=0, **changed):
    return [*config_arguments(**changed), do_init, readout, dummy]


def test_config_init_opens_what_config_does(simulate, library, describe):
    describe(channels=3)
    handle = library.config_init(*init_arguments())

    assert handle == library.config(*config_arguments())
    assert library.get_num_chan(handle) == 3
    library.close(handle, 0)


def test_without_initialising_it_attaches_to_the_same_cards(simulate, library):
    system = simulate(card_index=4)

    assert library.config_init(*init_arguments(do_init=0, card_index=4, num_tf=9)) == system.handle
    assert library.config_init(*init_arguments(do_init=0)) == -1
    assert "no system with card_index=0 ncards=1 is open" in library.text()


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"dummy": 1}, "dummy_system=1: allowed is 0"),
        ({"do_init": 2}, "do_init=0x2"),
        ({"readout": 8}, "xsp3m_readout=8"),
        ({"ncards": 0}, "ncards=0"),
    ],
)
def test_config_init_refuses(library, changed, complaint):
    assert library.config_init(*init_arguments(**changed)) == -1
    assert library.text().startswith("xsp3_config_init: ")
    assert complaint in library.text()


# Cards


@pytest.mark.parametrize(
    ("channels", "cards", "used", "per_card", "on_cards"),
    [(16, 2, 16, 8, [8, 8]), (7, 3, 7, 3, [3, 3, 1]), (16, 2, 7, 8, [7, 0]), (4, 1, 3, 4, [3])],
)
def test_channels_are_spread_over_cards(simulate, channels, cards, used, per_card, on_cards):
    system = simulate(channels=channels, cards=cards, ncards=cards, nchan=used)

    assert system.get_chans_per_card() == per_card
    assert [system.get_num_chan_used(card) for card in range(cards)] == on_cards


def test_the_card_is_looked_at_only_when_there_are_several(simulate, library):
    assert simulate().get_num_chan_used(99) == 4
    several = simulate(cards=2, ncards=2, card_index=1)

    assert several.get_num_chan_used(2) == -3
    assert several.get_num_chan_used(-1) == -3
    assert library.text() == "xsp3_get_num_chan_used: illegal card specified (-1)"


# List mode


@pytest.mark.parametrize(("channel", "names"), [(-1, ["a_ch00.dat", "a_ch01.dat"]), (1, ["a_ch01.dat"])])
def test_list_mode_makes_a_file_for_each_channel(simulate, tmp_path, channel, names):
    system = simulate(channels=2)

    assert system.histogram_start_list_mode(channel, text_argument(tmp_path / "a")) == 0
    assert [system.histogram_stop_list_mode(channel) for _ in range(2)] == [0, 0]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
