"""What the command `sessions` says and makes of sessions, whole, cut short and damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from operator import itemgetter
from pathlib import Path

import h5py
import numpy as np
import pytest

from receivers.cli import main
from receivers.recorder.names import session_directory
from receivers.sessions.index import SessionIndex, index_path
from receivers.sessions.loader import MissingFramesWarning, load_session
from receivers.sessions.session import current_index, read_session
from receivers.sessions.status import load_session_status
from tests.receivers.conftest import SESSION, STREAM

REPOSITORY = Path(__file__).resolve().parents[3]
DATA = "/entry/instrument/xspress3/data"


def run(capsys, action, base_dir, *more):
    """Exit code, and the JSON that was printed."""
    which = () if action.upper() == "LIST" else (STREAM, str(SESSION))
    code = main(["sessions", action, str(base_dir), *which, *more, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def whole(record):
    recording = record(16)
    recording.part(0, 8)
    recording.blocks(8, 16)
    recording.finish()
    return recording


@pytest.fixture
def cut_short(record):
    """The second file of two has no end."""
    recording = record(20)
    recording.part(0, 8)
    recording.blocks(8, 12)
    recording.die()
    return recording


def test_all_sessions_are_listed(whole, sender, tmp_path, capsys):
    code, found = run(capsys, "LIST", tmp_path)

    assert code == 0
    assert [(one["stream_id"], one["session_id"], one["frames_written"]) for one in found] == [
        (STREAM, SESSION, 16)
    ]
    assert found[0]["complete"] is True
    assert [file["name"] for file in found[0]["files"]] == [f"{SESSION}_000.h5", f"{SESSION}_001.h5"]


def test_the_list_for_people_has_the_session_in_a_row(whole, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")

    assert main(["sessions", "list", str(tmp_path)]) == 0

    [row] = [line for line in capsys.readouterr().out.splitlines() if str(SESSION) in line]
    assert STREAM in row
    assert "16 of 16" in row
    assert "yes" in row


def test_a_file_that_cannot_be_read_stands_in_the_list_with_its_reason(record, tmp_path, capsys):
    recording = record(8)
    recording.blocks(0, 8)
    recording.finish()
    recording.series.files[0].path.write_bytes(b"gone")

    _, [found] = run(capsys, "LIST", tmp_path)

    assert "cannot read" in found["error"]


def test_what_an_index_says_is_believed_as_long_as_its_files_are_as_long(whole, tmp_path):
    read_session(STREAM, SESSION, tmp_path).as_index().write(index_path(tmp_path, STREAM, SESSION))
    said = SessionIndex.read(index_path(tmp_path, STREAM, SESSION))
    assert current_index(STREAM, SESSION, tmp_path) == said

    whole.series.files[1].path.unlink()

    assert current_index(STREAM, SESSION, tmp_path).frames_written == 8


def test_a_session_is_shown_with_its_settings(whole, tmp_path, capsys):
    code, shown = run(capsys, "SHOW", tmp_path)

    assert code == 0
    assert shown["acquisition"]["exposure_time"] == 0.001
    assert shown["metadata"]["sample"] == "rust"
    assert shown["windows"] == [[[10, 20], [30, 40]]] * 2
    assert shown["versions"]["HDF5"] == h5py.version.hdf5_version


def test_a_session_is_shown_to_people(cut_short, tmp_path, capsys):
    assert main(["sessions", "SHOW", str(tmp_path), STREAM, str(SESSION)]) == 0

    shown = capsys.readouterr().out
    assert "12 frames written, 8 lost, NOT complete" in shown
    assert "missing 12..19" in shown


def test_of_a_session_without_end_whose_writer_died_nobody_knows_how_long_it_was(record, tmp_path, capsys):
    recording = record(None)
    recording.part(0, 8)
    recording.blocks(8, 12)
    recording.die()

    for action, inside in (("SHOW", dict), ("RECOVER", itemgetter("index")), ("LIST", itemgetter(0))):
        code, said = run(capsys, action, tmp_path)
        index = inside(said)
        assert (code, index["frames_expected"], index["frames_written"]) == (0, None, 12)
        assert index["complete"] is False


def test_the_status_comes_from_the_index_where_there_is_one(whole, tmp_path):
    assert not load_session_status(STREAM, SESSION, tmp_path).is_from_index
    read_session(STREAM, SESSION, tmp_path).as_index().write(index_path(tmp_path, STREAM, SESSION))

    status = load_session_status(STREAM, SESSION, tmp_path)

    assert status.is_from_index
    assert status.index.frames_written == 16
    assert status.detector["event_widths"] == [6, 4]


def test_a_whole_session_is_verified(whole, tmp_path, capsys):
    code, verdict = run(capsys, "VERIFY", tmp_path)

    assert code == 0
    assert (verdict["frames_read"], verdict["frames_lost"], verdict["problems"]) == (16, 0, [])


def test_a_session_with_told_holes_is_sound_and_not_complete(record, tmp_path, capsys):
    recording = record(12)
    recording.blocks(0, 4)
    recording.lose(4, 4)
    recording.blocks(8, 12)
    recording.finish(4)

    code, verdict = run(capsys, "VERIFY", tmp_path)

    assert code == 7
    assert (verdict["is_sound"], verdict["is_complete"], verdict["frames_lost"]) == (True, False, 4)


def test_damaged_bytes_of_a_histogram_are_found(whole, tmp_path, capsys):
    path = whole.series.files[1].path
    with h5py.File(path) as file:
        offset = file[DATA].id.get_chunk_info(1).byte_offset
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 64)

    code, verdict = run(capsys, "VERIFY", tmp_path)

    assert code == 8
    assert len(verdict["problems"]) == 1
    assert f"{SESSION}_001.h5: frames 8..15 cannot be read" in verdict["problems"][0]


def test_a_histogram_that_was_never_written_is_found(whole, tmp_path, capsys):
    with h5py.File(whole.series.files[0].path, "r+") as file:
        file[DATA].resize(4, axis=0)
        file[DATA].resize(8, axis=0)  # its chunk has no place in the file now

    code, verdict = run(capsys, "VERIFY", tmp_path)

    assert code == 8
    assert "4 of frames 0..7 have no histogram, the first is 4" in verdict["problems"][0]


def test_counts_that_are_not_those_of_the_file_are_found(whole, tmp_path, capsys):
    with h5py.File(whole.series.files[0].path, "r+") as file:
        file["/entry/counts/frames_written"][()] = 9

    code, verdict = run(capsys, "VERIFY", tmp_path)

    assert code == 8
    assert verdict["problems"] == [f"{SESSION}_000.h5: says to hold 9 frames, and holds 8"]


def test_a_frame_of_which_nothing_is_said_is_found(whole, tmp_path, capsys):
    with h5py.File(whole.series.files[0].path, "r+") as file:
        file["/entry/instrument/xspress3/frame_number"][5] = -1

    code, verdict = run(capsys, "VERIFY", tmp_path)

    assert code == 8
    assert any("nothing is said of them" in problem for problem in verdict["problems"])


def test_a_file_cut_short_is_recovered_beside_it(cut_short, sender, tmp_path, capsys):
    before = {path: path.read_bytes() for path in cut_short.directory.iterdir()}

    code, said = run(capsys, "RECOVER", tmp_path)

    made = cut_short.directory / f"{SESSION}_001.recovered.h5"
    assert (code, said["made"]) == (0, [str(made)])
    assert {path: path.read_bytes() for path in before} == before
    with h5py.File(made, "r+") as file:  # a plain file that could be written again
        assert file["/entry"].attrs["recovered_from"] == f"{SESSION}_001.h5"
        assert file["/entry/data/data"].shape[0] == file[DATA].shape[0]
    with pytest.warns(MissingFramesWarning, match=r"8 frames are missing: 12\.\.19") as caught:
        dataset = load_session(STREAM, SESSION, tmp_path)
    assert "not finished" not in str(caught[0].message)
    np.testing.assert_array_equal(dataset.histogram, sender.truth.histogram(0, 12))
    assert dataset.attrs["state"] == "broken"
    index = SessionIndex.read(index_path(tmp_path, STREAM, SESSION))
    assert (index.frames_written, index.frames_lost, index.state.value) == (12, 8, "broken")
    assert run(capsys, "VERIFY", tmp_path)[0] == 7


def test_recovering_again_makes_nothing_more(cut_short, tmp_path, capsys):
    run(capsys, "RECOVER", tmp_path)
    before = sorted(cut_short.directory.iterdir())

    code, said = run(capsys, "RECOVER", tmp_path)

    assert (code, said["made"]) == (0, [])
    assert sorted(cut_short.directory.iterdir()) == before


def test_recovering_a_whole_session_writes_its_index_again(whole, tmp_path, capsys):
    index_path(tmp_path, STREAM, SESSION).write_text("{")

    code, said = run(capsys, "RECOVER", tmp_path)

    assert (code, said["made"]) == (0, [])
    assert SessionIndex.read(index_path(tmp_path, STREAM, SESSION)).complete


def test_what_a_killed_writer_left_loads_and_is_recovered(sender, tmp_path, capsys):
    killed = subprocess.run(
        [sys.executable, "-m", "tests.receivers.sessions.killed_writer", str(tmp_path)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        timeout=60,
        check=False,
    )
    assert killed.returncode == -9

    with pytest.warns(MissingFramesWarning, match="not finished"):
        dataset = load_session(STREAM, SESSION, tmp_path)
    np.testing.assert_array_equal(dataset.histogram, sender.truth.histogram(0, 8))
    assert dataset.attrs["missing"].tolist() == [[8, 20]]
    code, said = run(capsys, "RECOVER", tmp_path)

    assert (code, len(said["made"])) == (0, 1)
    with pytest.warns(MissingFramesWarning, match=r"12 frames are missing: 8\.\."):
        dataset = load_session(STREAM, SESSION, tmp_path)
    np.testing.assert_array_equal(dataset.histogram[:8], sender.truth.histogram(0, 8))


@pytest.mark.parametrize("action", ["SHOW", "VERIFY", "RECOVER"])
def test_a_session_that_is_not_there_is_a_mistake_of_the_user(tmp_path, capsys, action):
    assert main(["sessions", action, str(tmp_path), STREAM, str(SESSION)]) == 2
    assert "no file of stream" in capsys.readouterr().err


def test_an_index_that_is_lost_is_made_again_from_files_on_all_disks(record, sender, tmp_path, capsys):
    recording = record(8)
    recording.part(0, 4)
    recording.blocks(4, 8)
    recording.finish()
    spare = session_directory(tmp_path / "spare", SESSION, STREAM)
    spare.mkdir(parents=True)
    last = recording.series.files[-1].path
    last.rename(spare / last.name)

    assert run(capsys, "RECOVER", tmp_path, "--also", str(tmp_path / "spare"))[0] == 0

    index = SessionIndex.read(index_path(tmp_path, STREAM, SESSION))
    assert (index.frames_written, index.complete, len(index.files)) == (8, True, 2)
    assert read_session(STREAM, SESSION, tmp_path).frames_written == 8
