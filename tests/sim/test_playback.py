"""Recorded frames, played as they were, and what is not a recording, refused."""

from __future__ import annotations

import zipfile

import h5py
import numpy as np
import pytest

from tests.sim.conftest import config_arguments
from xspress3.errors import ConfigurationError
from xspress3.sdk._sdk import ffi
from xspress3.sim import playback, write_playback

N_FRAMES, N_CHANNELS = 5, 3


@pytest.fixture
def arrays():
    rng = np.random.default_rng(7)
    shape = (N_FRAMES, N_CHANNELS)
    numbers = {name: rng.integers(0, 1 << 20, shape).astype("<u4") for name in playback.SCALERS}
    histogram = rng.integers(0, 9, (*shape, 4096)).astype("<u4")
    return {"histogram": histogram, **numbers, "event_width": np.full(shape, [5, 6, 7], dtype="<i4")}


def play(simulate, path, n_frames=N_FRAMES, **description):
    system = simulate(source="playback", playback=path, clock="demand", **description)
    system.setup(n_frames=n_frames, ticks=777)
    system.histogram_start(-1)
    return system


def save(path, arrays, saver=np.savez):
    saver(path, **arrays)
    return path


def test_all_that_was_recorded_is_played(simulate, tmp_path, arrays):
    system = play(simulate, save(tmp_path / "r.npz", arrays))

    assert system.get_num_chan() == N_CHANNELS
    assert np.array_equal(system.spectra(0, N_FRAMES), arrays["histogram"])
    scalers = system.scalers(0, N_FRAMES)
    order = [
        "clock_ticks",
        "reset_ticks",
        "reset_count",
        "all_events",
        "all_good",
        None,
        None,
        "pileup",
        "total_ticks",
    ]
    for index, name in enumerate(order):
        expected = arrays["histogram"][:, :, 0] if name is None else arrays[name]
        assert np.array_equal(scalers[:, :, index], expected), name


def test_frames_repeat_after_the_last_recorded_one(simulate, tmp_path, arrays):
    system = play(simulate, save(tmp_path / "r.npz", arrays), n_frames=13)

    assert np.array_equal(system.spectra(0, 13), arrays["histogram"][np.arange(13) % N_FRAMES])


def test_fewer_channels_and_a_part_of_the_bins(simulate, tmp_path, arrays):
    system = play(simulate, save(tmp_path / "r.npz", arrays), channels=2)

    assert np.array_equal(system.spectra(1, 3), arrays["histogram"][1:4, :2])
    assert np.array_equal(system.spectra(1, 3, 100), arrays["histogram"][1:4, :2, :100])


def test_scalers_that_were_not_recorded_are_made_up_sensibly(simulate, tmp_path, arrays):
    system = play(simulate, save(tmp_path / "r.npz", {"histogram": arrays["histogram"]}))

    scalers = system.scalers(0, N_FRAMES)

    good = arrays["histogram"].sum(axis=2)
    zeros, ticks = 0 * good, 0 * good + 777
    assert np.array_equal(
        scalers[:, :, [0, 1, 2, 3, 4, 7, 8]], np.stack([ticks, zeros, zeros, good, good, zeros, ticks], 2)
    )


def test_windows_are_counted_in_the_recording(simulate, tmp_path, arrays):
    system = play(simulate, save(tmp_path / "r.npz", arrays))
    system.set_window(-1, 0, 100, 200)
    system.set_window(-1, 1, 4000, 4095)

    in_windows = system.scalers(0, N_FRAMES)[:, :, 5:7]

    assert np.array_equal(in_windows[:, :, 0], arrays["histogram"][:, :, 100:201].sum(axis=2))
    assert np.array_equal(in_windows[:, :, 1], arrays["histogram"][:, :, 4000:].sum(axis=2))


def test_short_spectra_are_filled_up_with_zeros(simulate, tmp_path, arrays):
    short = arrays["histogram"][:, :, :1000].copy()
    system = play(simulate, save(tmp_path / "r.npz", {"histogram": short}))

    spectra = system.spectra(0, N_FRAMES)

    assert np.array_equal(spectra[:, :, :1000], short)
    assert not spectra[:, :, 1000:].any()
    assert np.array_equal(system.spectra(0, N_FRAMES, 1000), short)


def test_event_widths_come_from_the_first_recorded_frame(simulate, tmp_path, arrays):
    system = play(simulate, save(tmp_path / "r.npz", arrays))
    parameters = ffi.new("Xspress3_TriggerB *")
    widths = []
    for channel in range(N_CHANNELS):
        system.get_trigger_b(channel, parameters)
        widths.append(parameters.event_time)

    assert widths == [5, 6, 7]


def refusal(library, describe, path, **description):
    describe(source="playback", playback=path, **description)
    assert library.config(*config_arguments()) == -1
    return library.text()


def test_more_channels_than_recorded_are_refused(library, describe, tmp_path, arrays):
    path = save(tmp_path / "r.npz", arrays)

    assert f"CHANNELS=4, but {path} has 3" in refusal(library, describe, path, channels=4)


def test_a_compressed_file_is_refused_with_the_name_of_the_converter_which_helps(
    simulate, library, describe, tmp_path, arrays
):
    path = save(tmp_path / "r.npz", arrays, np.savez_compressed)

    assert "xspress3.sim.write_playback" in refusal(library, describe, path)

    system = play(simulate, write_playback(path, tmp_path / "plain.npz"))
    assert np.array_equal(system.spectra(0, N_FRAMES), arrays["histogram"])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"histogram": None}, "no array histogram"),
        ({"histogram": lambda a: a.astype("<u8")}, "type '<u8'"),
        ({"histogram": lambda a: a.astype("<i4")}, "not uint32"),
        ({"histogram": lambda a: a[0]}, "not uint32 (frame, channel, bin)"),
        ({"histogram": lambda a: a[:0]}, "shape outside"),
        ({"histogram": np.asfortranarray}, "Fortran"),
        ({"histogram": lambda a: np.zeros((1, 17, 4), "<u4")}, "shape outside"),
        ({"histogram": lambda a: np.zeros((1, 1, 4097), "<u4")}, "shape outside"),
        ({"all_good": lambda a: a[:-1]}, "all_good is not uint32 (frame, channel)"),
        ({"all_good": lambda a: a.astype("<f4")}, "type '<f4'"),
        ({"event_width": lambda a: a.astype("<u4")}, "event_width is not int32"),
        ({"event_width": lambda a: 0 * a}, "outside 2..127"),
    ],
)
def test_arrays_of_the_wrong_kind_are_refused(library, describe, tmp_path, arrays, changed, words):
    for name, change in changed.items():
        if change is None:
            del arrays[name]
        else:
            arrays[name] = change(arrays[name])

    assert words in refusal(library, describe, save(tmp_path / "r.npz", arrays))


def test_a_cut_file_is_refused(library, describe, tmp_path, arrays):
    path = save(tmp_path / "r.npz", arrays)
    content = path.read_bytes()
    for size in (0, 10, 1000, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        assert "no .npz file" in refusal(library, describe, path)


@pytest.mark.parametrize("path", ["/nowhere.npz", "/tmp"])  # noqa: S108
def test_what_is_no_file_is_refused(library, describe, path):
    assert path in refusal(library, describe, path)


def test_a_zip_that_numpy_did_not_write_is_played_too(simulate, tmp_path, arrays):
    save(tmp_path / "r.npz", arrays)
    other = tmp_path / "other.npz"
    with zipfile.ZipFile(tmp_path / "r.npz") as old, zipfile.ZipFile(other, "w") as new:
        new.comment = b"a comment" * 100
        for name in reversed(old.namelist()):
            new.writestr(name, old.read(name))

    system = play(simulate, other)
    assert np.array_equal(system.spectra(0, N_FRAMES), arrays["histogram"])


@pytest.mark.parametrize("name", ["xspress3-dump", "xspress3-multipart"])
def test_real_frames_are_played_word_for_word(simulate, tmp_path, recordings, name):
    path = write_playback(recordings / f"{name}.npz", tmp_path / "plain.npz")
    recorded = np.load(recordings / f"{name}.npz", allow_pickle=False)
    n_frames = len(recorded["histogram"])

    system = play(simulate, path, n_frames=n_frames)

    assert np.array_equal(system.spectra(0, n_frames), recorded["histogram"])
    scalers = system.scalers(0, n_frames)
    for index, scaler in [
        (0, "clock_ticks"),
        (1, "reset_ticks"),
        (3, "all_events"),
        (4, "all_good"),
        (8, "total_ticks"),
    ]:
        assert np.array_equal(scalers[:, :, index], recorded[scaler]), scaler


# write_playback


def test_our_own_files_are_converted_with_all_their_scalers(simulate, tmp_path, arrays):
    with h5py.File(tmp_path / "r.h5", "w") as file:
        group = file.create_group("entry/instrument/xspress3")
        group["data"] = arrays["histogram"]
        for name in (*playback.SCALERS, "event_width"):
            group[name] = arrays[name]
        group["output_count_rate"] = np.ones((N_FRAMES, N_CHANNELS))

    system = play(simulate, write_playback(tmp_path / "r.h5", tmp_path / "r.npz"))

    assert np.array_equal(system.spectra(0, N_FRAMES), arrays["histogram"])
    assert np.array_equal(system.scalers(0, N_FRAMES)[:, :, 3], arrays["all_events"])


def test_any_dataset_will_do_and_two_axes_are_one_channel(tmp_path, arrays):
    with h5py.File(tmp_path / "r.h5", "w") as file:
        file["scan/spectra"] = arrays["histogram"][:, 0].astype("f8")

    write_playback(tmp_path / "r.h5", tmp_path / "r.npz", dataset="scan/spectra")

    with np.load(tmp_path / "r.npz") as written:
        assert written["histogram"].dtype == "<u4"
        assert np.array_equal(written["histogram"], arrays["histogram"][:, :1])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"histogram": np.full((2, 1, 4), -1)}, "values outside"),
        ({"histogram": np.full((2, 1, 4), 1 << 32)}, "values outside"),
        ({"histogram": np.full((2, 1, 4), 0.5)}, "not whole numbers"),
        ({"histogram": np.full((2, 1, 4), np.nan)}, "values outside"),
        ({"histogram": np.full((2, 1, 4), "x")}, "allowed are numbers"),
        ({"histogram": np.zeros((2, 17, 4), "u4")}, "allowed is (frame, channel, bin)"),
        ({"histogram": np.zeros((2, 2, 2, 4), "u4")}, "allowed is (frame, channel, bin)"),
        ({"all_good": np.zeros((2, 2), "u4")}, "allowed is (frame, channel) = (5, 3)"),
        ({"histogram": np.array([None])}, "allow_pickle=False"),
    ],
)
def test_write_playback_refuses_what_cannot_be_played(tmp_path, arrays, changed, words):
    path = save(tmp_path / "r.npz", arrays | changed)

    with pytest.raises(ConfigurationError) as caught:
        write_playback(path, tmp_path / "out.npz")

    assert words in str(caught.value)


def test_write_playback_refuses_other_files_and_missing_arrays(tmp_path, arrays):
    (tmp_path / "text").write_text("hello")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
    save(tmp_path / "other.npz", {"x": arrays["histogram"]})
    for name in ("text", "broken.npz", "other.npz"):
        with pytest.raises(ConfigurationError, match=name):
            write_playback(tmp_path / name, tmp_path / "out.npz")


def test_write_playback_has_a_limit_of_size(tmp_path, arrays, monkeypatch):
    monkeypatch.setattr(playback, "MAX_BYTES", 1000)

    with pytest.raises(ConfigurationError, match="allowed is 1000"):
        write_playback(save(tmp_path / "r.npz", arrays), tmp_path / "out.npz")
