"""A session comes back frame by frame from all its files, lazily, and says what is missing."""

from __future__ import annotations

import json
import pickle
import shutil
import warnings

import h5py
import numpy as np
import pytest
import xarray as xr

from receivers.geometry import Geometry
from receivers.hdf5.naming import ExistingFile
from receivers.hdf5.series import FileSeries
from receivers.hdf5.summary import open_file
from receivers.hdf5.writer import Hdf5Sink
from receivers.sessions import loader, part
from receivers.sessions.index import SessionIndex, index_path
from receivers.sessions.loader import MissingFramesWarning, load_session
from receivers.sessions.session import get_session_files, read_session
from receivers.sessions.status import load_session_status
from tests.receivers.conftest import SESSION, STREAM, report
from xspress3.errors import ConfigurationError
from xspress3.stream.tracker import Gap

NO_COUNT = 4294967295


def load(base_dir, idx=None):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_session(STREAM, SESSION, base_dir, idx)


def test_a_session_in_three_files_is_one_dataset(record, sender, tmp_path):
    recording = record(20)
    recording.part(0, 8)
    recording.part(8, 16)
    recording.blocks(16, 20)
    recording.finish()

    dataset = load(tmp_path)

    assert dict(dataset.sizes) == {"frame": 20, "channel": 2, "bin": 256, "window": 2, "limit": 2}
    np.testing.assert_array_equal(dataset.histogram, sender.truth.histogram(0, 20))
    np.testing.assert_array_equal(dataset.all_good, sender.truth.scalers(0, 20)[..., 4])
    np.testing.assert_array_equal(dataset.part, [0] * 8 + [1] * 8 + [2] * 4)
    assert dataset.is_recorded.all()
    assert dataset.attrs["complete"] == 1
    assert dataset.attrs["frames_expected"] == 20
    assert dataset.attrs["state"] == "closed"
    assert json.loads(dataset.attrs["metadata"])["sample"] == "rust"
    assert dataset.clock_ticks.attrs["units"] == "ticks"


def test_all_scalers_and_what_follows_from_them_are_there(record, tmp_path):
    recording = record(4)
    recording.blocks(0, 4)
    recording.finish()

    dataset = load(tmp_path)

    with h5py.File(recording.series.files[0].path) as file:
        detector = file["/entry/instrument/xspress3"]
        names = {name for name in detector if detector[name].maxshape[:1] == (None,)}
    assert names - {"data", "frame_number"} == (set(dataset.variables) & names)
    assert len(names) > 20


@pytest.mark.parametrize(
    "key",
    [
        {"frame": 7},
        {"frame": -1, "channel": 1},
        {"frame": slice(6, 10)},
        {"frame": slice(None, None, 3)},
        {"frame": slice(None, None, -1), "bin": slice(20, 10, -2)},
        {"frame": slice(8, 8)},
        {"frame": slice(9, 2, -1)},
        {"frame": [15, 0, 8, 8]},
        {"channel": 1, "bin": slice(3, 200, 7)},
        {"frame": [1, 17], "bin": [5, 4]},
    ],
)
def test_any_selection_gives_what_numpy_gives(record, sender, tmp_path, key):
    recording = record(20)
    recording.part(0, 8)
    recording.part(8, 16)
    recording.blocks(16, 20)
    recording.finish()
    truth = xr.DataArray(sender.truth.histogram(0, 20), dims=("frame", "channel", "bin"))

    found = load(tmp_path).histogram.isel(key)

    np.testing.assert_array_equal(found.values, truth.isel(key).values)


def test_nothing_of_the_histograms_is_read_before_it_is_asked_for(record, tmp_path, monkeypatch):
    recording = record(16)
    recording.part(0, 8)
    recording.blocks(8, 16)
    recording.finish()
    read = []
    whole = loader._LazyColumn._from_file
    monkeypatch.setattr(
        loader._LazyColumn,
        "_from_file",
        lambda self, piece, rows, tail: (
            read.append((self._column.name, piece.part.part, len(rows))) or whole(self, piece, rows, tail)
        ),
    )

    dataset = load(tmp_path)
    selected = dataset.histogram.isel(frame=slice(6, 8), channel=0)
    assert "data" not in {name for name, _, _ in read}

    selected.load()
    assert [one for one in read if one[0] == "data"] == [("data", 0, 2)]


def test_frames_that_were_lost_are_marked_and_never_zero(record, tmp_path):
    recording = record(16)
    recording.blocks(0, 4)
    recording.lose(4, 4)
    recording.part(8, 12)
    recording.lose(12, 2, "checksum")
    recording.lose(14, 2, "late")
    recording.finish(8)

    with pytest.warns(MissingFramesWarning, match=r"8 frames are missing: 4\.\.7 \(overrun\), 12\.\.13"):
        dataset = load_session(STREAM, SESSION, tmp_path)

    lost = [4, 5, 6, 7, 12, 13, 14, 15]
    assert (dataset.histogram.isel(frame=lost) == NO_COUNT).all()
    assert dataset.dead_time_correction.isel(frame=lost).isnull().all()
    assert np.flatnonzero(~dataset.is_recorded).tolist() == lost
    assert np.unique(dataset.part.isel(frame=lost)).tolist() == [-1]
    assert dataset.attrs["missing"].tolist() == [[4, 8], [12, 14], [14, 16]]
    assert dataset.attrs["missing_reason"] == ["overrun", "checksum", "late"]
    assert dataset.attrs["complete"] == 0
    assert xr.decode_cf(dataset).histogram.isel(frame=lost).isnull().all()


def test_a_file_whose_writer_died_gives_what_it_flushed(record, sender, tmp_path):
    recording = record(20)
    recording.part(0, 8)
    recording.blocks(8, 12)
    recording.die()
    before = {path: path.read_bytes() for path in recording.directory.iterdir()}

    with pytest.warns(MissingFramesWarning, match=r"8 frames are missing: 12\.\.19.*not finished"):
        dataset = load_session(STREAM, SESSION, tmp_path)

    np.testing.assert_array_equal(dataset.histogram, sender.truth.histogram(0, 12))
    assert dataset.attrs["state"] == "open"
    assert dataset.attrs["missing"].tolist() == [[12, 20]]
    assert {path: path.read_bytes() for path in recording.directory.iterdir()} == before


def test_a_file_that_is_gone_leaves_a_hole(record, sender, tmp_path):
    recording = record(24)
    for first in (0, 8, 16):
        recording.part(first, first + 8)
    recording.finish()
    recording.series.files[1].path.unlink()

    with pytest.warns(MissingFramesWarning, match=r"8 frames are missing: 8\.\.15"):
        dataset = load_session(STREAM, SESSION, tmp_path)

    np.testing.assert_array_equal(dataset.histogram[16:], sender.truth.histogram(16, 8))
    assert (dataset.histogram[8:16] == NO_COUNT).all()
    assert dataset.histogram.dtype == np.uint32


def test_of_frames_in_two_files_the_later_counts(record, sender, tmp_path):
    recording = record(12)
    recording.blocks(0, 8)
    first = recording.series.files[0].path
    shutil.copy(first, tmp_path / "kept")
    recording.series.roll()
    recording.blocks(8, 12)
    recording.finish()
    (tmp_path / "kept").rename(first)
    with h5py.File(recording.series.files[1].path, "r+") as file:
        file["/entry/first_frame"][()] = 4  # as after a failed write: its rows are now frames 4 to 7

    with pytest.warns(MissingFramesWarning):
        dataset = load_session(STREAM, SESSION, tmp_path)

    np.testing.assert_array_equal(dataset.part, [0] * 4 + [1] * 4)
    np.testing.assert_array_equal(dataset.histogram[4:], sender.truth.histogram(8, 4))


@pytest.mark.parametrize(("idx", "frames"), [(1, range(8, 16)), (-1, range(16, 20)), ([0, 1], range(16))])
def test_idx_takes_some_of_the_files(record, sender, tmp_path, idx, frames):
    recording = record(20)
    recording.part(0, 8)
    recording.part(8, 16)
    recording.blocks(16, 20)
    recording.finish()

    dataset = load(tmp_path, idx)

    assert dataset.frame.values.tolist() == list(frames)
    np.testing.assert_array_equal(
        dataset.histogram.sel(frame=frames[-1]), sender.truth.histogram(frames[-1], 1)[0]
    )
    assert len(get_session_files(STREAM, SESSION, tmp_path, idx)) == len(np.atleast_1d(idx))


@pytest.mark.parametrize("idx", [3, -4, [0, 7], np.int64(3)])
def test_files_that_are_not_there_cannot_be_chosen(record, tmp_path, idx):
    recording = record(20)
    for first in (0, 8, 16):
        recording.part(first, min(first + 8, 20))
    recording.finish()

    with pytest.raises(ConfigurationError, match=r"allowed is -3\.\.2"):
        load_session(STREAM, SESSION, tmp_path, idx)


def test_files_of_the_plain_writer_load_from_their_directory(sender, tmp_path):
    sink = Hdf5Sink(tmp_path)
    sink.begin(sender.start_message(8))
    sink.write(sender.block_message(0, 4))
    sink.write(sender.block_message(4, 4))
    sink.end(report(8))

    dataset = load(tmp_path)

    np.testing.assert_array_equal(dataset.histogram, sender.truth.histogram(0, 8))


def test_of_several_sessions_in_one_file_each_loads_alone(sender, tmp_path):
    for session_id, n_frames, lost in ((SESSION, 8, 0), (SESSION + 5, 12, 4), (SESSION + 9, 4, 0)):
        sender.session_id = session_id
        start = sender.start_message(n_frames)
        series = FileSeries(
            start, Geometry.from_start(start), [tmp_path], lambda _part: "scan_0001.h5", ExistingFile.SUFFIX
        )
        series.open(append=session_id != SESSION)
        for first in range(0, n_frames - lost, 4):
            series.write(sender.block_message(first, 4))
        if lost:
            series.lost(Gap(n_frames - lost, lost, "overrun"))
        series.finish(report(n_frames, lost))

    with pytest.warns(MissingFramesWarning, match=r"4 frames are missing: 8\.\.11 \(overrun\)"):
        second = load_session(STREAM, SESSION + 5, tmp_path)
    third = load_session(STREAM, SESSION + 9, tmp_path)

    np.testing.assert_array_equal(second.histogram[:8], sender.truth.histogram(0, 8))
    np.testing.assert_array_equal(third.histogram, sender.truth.histogram(0, 4))
    assert load(tmp_path).sizes["frame"] == 8


def test_the_index_leads_to_files_on_another_disk(record, sender, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    recording = record(16)
    recording.part(0, 8)
    recording.blocks(8, 16)
    recording.finish()
    moved = other / "elsewhere.h5"
    index = read_session(STREAM, SESSION, tmp_path).as_index()
    recording.series.files[1].path.rename(moved)
    files = (index.files[0], type(index.files[1])(**{**vars(index.files[1]), "name": str(moved)}))
    type(index)(**{**vars(index), "files": files}).write(index_path(tmp_path, STREAM, SESSION))

    dataset = load(tmp_path)

    np.testing.assert_array_equal(dataset.histogram, sender.truth.histogram(0, 16))


def test_an_index_that_says_something_else_is_wrong_and_that_is_said(record, tmp_path):
    recording = record(8)
    recording.blocks(0, 8)
    recording.finish()
    index = read_session(STREAM, SESSION, tmp_path).as_index()
    type(index)(**{**vars(index), "frames_written": 9}).write(index_path(tmp_path, STREAM, SESSION))

    with pytest.warns(MissingFramesWarning, match="frames_written: 8 in the files, 9 in the index"):
        dataset = load_session(STREAM, SESSION, tmp_path)

    assert dataset.attrs["frames_written"] == 8


def test_an_index_without_files_is_told_in_the_error(record, tmp_path):
    recording = record(8)
    recording.blocks(0, 8)
    recording.finish()
    read_session(STREAM, SESSION, tmp_path).as_index().write(index_path(tmp_path, STREAM, SESSION))
    recording.series.files[0].path.unlink()

    with pytest.raises(FileNotFoundError, match="in the index and not there"):
        load_session(STREAM, SESSION, tmp_path)


def test_a_file_that_is_no_file_of_ours_is_told_and_the_rest_loads(record, tmp_path):
    recording = record(16)
    recording.part(0, 8)
    recording.blocks(8, 16)
    recording.finish()
    recording.series.files[1].path.write_bytes(b"not hdf5")

    with pytest.warns(MissingFramesWarning, match="cannot read"):
        dataset = load_session(STREAM, SESSION, tmp_path)

    assert dataset.sizes["frame"] == 8


def test_the_rebuilt_index_is_right_and_comes_back(record, tmp_path):
    recording = record(16)
    recording.part(0, 8)
    recording.blocks(8, 12)
    recording.lose(12, 4)
    recording.finish(4)

    index = read_session(STREAM, SESSION, tmp_path).as_index()
    index.write(index_path(tmp_path, STREAM, SESSION))

    assert SessionIndex.read(index_path(tmp_path, STREAM, SESSION)) == index
    assert (index.frames_expected, index.frames_written, index.frames_lost) == (16, 12, 4)
    assert index.missing == ((12, 16, "overrun"),)
    assert [(f.name, f.first_frame, f.frames_written) for f in index.files] == [
        (f"{SESSION}_000.h5", 0, 8),
        (f"{SESSION}_001.h5", 8, 4),
    ]


def test_a_dataset_travels_to_another_process_and_reads_there(record, sender, tmp_path):
    recording = record(8)
    recording.blocks(0, 8)
    recording.finish()

    copy = pickle.loads(pickle.dumps(load(tmp_path)))  # noqa: S301  # our own

    np.testing.assert_array_equal(copy.histogram, sender.truth.histogram(0, 8))


def test_a_reader_leaves_the_file_to_a_writer_that_appends(record, tmp_path):
    recording = record(8)
    recording.blocks(0, 8)
    recording.finish()
    dataset = load(tmp_path)
    dataset.histogram.load()

    with h5py.File(recording.series.files[0].path, "r+") as file:
        assert file["/entry/complete"][()] == 1


def test_to_open_a_session_takes_one_look_into_each_file_and_no_histogram(record, tmp_path, monkeypatch):
    recording = record(80)
    for first in range(0, 76, 4):
        recording.part(first, first + 4)
    recording.blocks(76, 80)
    recording.finish()
    opened, read = [], []
    monkeypatch.setattr(part, "open_file", lambda path: opened.append(path.name) or open_file(path))
    monkeypatch.setattr(loader._LazyColumn, "_from_file", lambda self, *_: read.append(self._column.name))

    read_session(STREAM, SESSION, tmp_path)
    assert opened == [f"{SESSION}_{n:03d}.h5" for n in range(20)]

    load_session_status(STREAM, SESSION, tmp_path)
    assert read == []
