"""Sessions of G3 frames are found by their index, and shown with the status of their first file."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("google_crc32c")

from receivers.cli import main
from receivers.sessions.index import FileEntry, FileKind, IndexState, SessionIndex, index_path
from receivers.sessions.status import load_session_status
from tests.receivers.g3.frames import SESSION, STREAM, encode, observation, scan, wiring
from xspress3.errors import ConfigurationError

STATUS = '{"NumChannels": 1720, "tag": "obs,stream"}'


@pytest.fixture
def directory(tmp_path):
    data = encode(observation(0), wiring(1, STATUS, dump=True), scan(2))
    path = index_path(tmp_path, STREAM, SESSION)
    path.parent.mkdir(parents=True)
    file = path.with_name(f"{SESSION}_000.g3")
    file.write_bytes(data)
    entry = FileEntry(file.name, FileKind.G3, 0, 0, 3, IndexState.CLOSED, True, len(data))
    SessionIndex(
        STREAM, SESSION, IndexState.CLOSED, float(SESSION), None, "ended", None, 3, 0, 0, (), True, (entry,)
    ).write(path)
    return tmp_path


def test_the_status_of_g3_files_is_that_of_the_first_one(directory):
    status = load_session_status(STREAM, SESSION, directory)

    assert status.detector == {"NumChannels": 1720, "tag": "obs,stream"}
    assert (status.index.frames_written, status.is_from_index) == (3, True)


def test_sessions_of_g3_files_are_listed(directory, capsys):
    assert main(["sessions", "LIST", str(directory), "--json"]) == 0

    [found] = json.loads(capsys.readouterr().out)
    assert (found["session_id"], found["files"][0]["kind"]) == (SESSION, "g3")


def test_without_an_index_nobody_has_counted_its_frames(directory):
    index_path(directory, STREAM, SESSION).unlink()

    with pytest.raises(ConfigurationError, match="has no index"):
        load_session_status(STREAM, SESSION, directory)


def test_an_index_that_is_lost_is_made_again_from_files_in_all_directories(directory, tmp_path, capsys):
    path = index_path(directory, STREAM, SESSION)
    path.unlink()
    spare = tmp_path / "spare"
    other = index_path(spare, STREAM, SESSION).parent
    other.mkdir(parents=True)
    begin = (observation(0), wiring(1, STATUS, dump=True))
    (other / f"{SESSION}_001.g3").write_bytes(encode(*begin, scan(3), scan(6)))

    assert main(["sessions", "RECOVER", str(directory), STREAM, str(SESSION), "--also", str(spare)]) == 0

    assert "5 frames, 2 lost" in capsys.readouterr().out
    index = SessionIndex.read(path)
    assert [(file.first_frame, file.frames_written) for file in index.files] == [(0, 3), (3, 2)]
    assert (index.missing, index.complete) == (((4, 6, "never came"),), False)
    assert load_session_status(STREAM, SESSION, directory).detector["NumChannels"] == 1720
