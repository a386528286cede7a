"""Recorded frames are read again, every one, and held against the index."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from receivers.cli import main
from receivers.g3.session import ENDED
from receivers.recorder.status import State
from receivers.sessions.index import FileEntry, FileKind, IndexState, SessionIndex, index_path
from tests.receivers.g3.conftest import Sender, wait_for
from tests.receivers.g3.frames import SESSION, STREAM, encode, observation, scan, wiring

BEGIN = (observation(0), wiring(1, '{"a": 1}', dump=True))


def verify(directory, capsys):
    """Exit code, and what is said."""
    code = main(["sessions", "VERIFY", str(directory), STREAM, str(SESSION), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def recorded(tmp_path):
    """Frames 0 to 19 in two files, of which the second repeats what the first begins with."""
    path = index_path(tmp_path, STREAM, SESSION)
    path.parent.mkdir(parents=True)
    entries = []
    for part, frames in enumerate(([*BEGIN, *map(scan, range(2, 10))], [*BEGIN, *map(scan, range(10, 20))])):
        data = encode(*frames)
        name = f"{SESSION}_{part:03d}.g3"
        path.with_name(name).write_bytes(data)
        entries.append(FileEntry(name, FileKind.G3, part, 10 * part, 10, IndexState.CLOSED, True, len(data)))
    ended = (IndexState.CLOSED, float(SESSION), SESSION + 60.0, ENDED, None, 20, 0, 0, (), True)
    SessionIndex(STREAM, SESSION, *ended, tuple(entries)).write(path)
    return tmp_path


def paths(directory):
    return sorted(index_path(directory, STREAM, SESSION).parent.glob("*.g3"))


def change_index(directory, **values):
    path = index_path(directory, STREAM, SESSION)
    replace(SessionIndex.read(path), **values).write(path)


def test_what_was_recorded_from_a_real_sender_that_was_killed_once_is_sound(record, tmp_path, capsys):
    sender = Sender()
    recorder = record(sender.port)
    wait_for(lambda: recorder.status().is_connected, "not connected")
    sender.begin()
    sender.scans(2, 10)
    wait_for(lambda: recorder.status().counts.written == 10, "not written")
    sender.kill()
    wait_for(lambda: not recorder.status().is_connected, "the end was not seen")
    again = Sender(sender.port)
    try:
        wait_for(lambda: recorder.status().is_connected, "not connected again")
        again.scans(10, 20)
        again.end()
        wait_for(lambda: recorder.status().state is State.IDLE, "it is not over")
    finally:
        again.close()
    recorder.stop()

    code, said = verify(tmp_path / "data", capsys)

    assert len(paths(tmp_path / "data")) == 2
    assert (code, said["problems"]) == (0, [])
    assert (said["frames_read"], said["frames_lost"], said["is_complete"]) == (20, 0, True)


def test_what_a_file_repeats_of_the_one_before_is_not_counted(recorded, capsys):
    code, said = verify(recorded, capsys)

    assert (code, said["problems"], said["frames_read"]) == (0, [], 20)


def test_a_single_wrong_bit_is_found(recorded, capsys):
    path = paths(recorded)[0]
    data = bytearray(path.read_bytes())
    data[-20] ^= 1  # within the samples of its last frame
    path.write_bytes(data)

    code, said = verify(recorded, capsys)

    assert code == 8
    assert "behind 9 frames: G3 frame says checksum" in said["problems"][0]
    assert "has 9 frames, the index says 10" in said["problems"][1]
    assert said["problems"][2] == "frames 9..9 are not there, and the index says nothing of them"


def test_a_file_that_was_cut_off_within_a_frame_is_found(recorded, capsys):
    path = paths(recorded)[1]
    path.write_bytes(path.read_bytes()[:-3])

    code, said = verify(recorded, capsys)

    assert code == 8
    assert "ends within a frame" in said["problems"][0]


def test_a_file_that_is_gone_is_missed(recorded, capsys):
    paths(recorded)[1].unlink()

    code, said = verify(recorded, capsys)

    assert code == 8
    assert said["problems"] == [f"{SESSION}_001.g3: is not there, and the index says that it has 10 frames"]


def test_holes_that_the_index_tells_are_no_problem_and_others_are(recorded, capsys):
    first = paths(recorded)[0]
    first.write_bytes(encode(*BEGIN, *(scan(number) for number in (2, 3, 6, 7, 8))))
    files = SessionIndex.read(index_path(recorded, STREAM, SESSION)).files
    entries = (replace(files[0], frames_written=7, size_bytes=first.stat().st_size), files[1])
    lost = {"frames_written": 17, "frames_lost": 3, "complete": False, "files": entries}

    change_index(recorded, missing=((4, 6, "never came"), (9, 10, "there was no room")), **lost)
    code, said = verify(recorded, capsys)
    assert (code, said["problems"]) == (7, [])

    change_index(recorded, missing=((5, 6, "never came"),), **lost)
    code, said = verify(recorded, capsys)
    assert code == 8
    assert said["problems"] == [
        "frames 4..4 are not there, and the index says nothing of them",
        "frames 9..9 are not there, and the index says nothing of them",
    ]


def test_half_a_frame_at_the_end_of_a_file_that_is_being_written_is_none_too_few(recorded, capsys):
    last = paths(recorded)[1]
    files = SessionIndex.read(index_path(recorded, STREAM, SESSION)).files
    change_index(
        recorded,
        state=IndexState.OPEN,
        complete=False,
        files=(files[0], replace(files[1], state=IndexState.OPEN, complete=False)),
    )
    with last.open("ab") as file:
        file.write(encode(scan(20))[:30])

    code, said = verify(recorded, capsys)

    assert (code, said["problems"], said["frames_read"]) == (7, [], 20)


def test_without_an_index_there_is_nothing_to_hold_them_against(recorded, capsys):
    index_path(recorded, STREAM, SESSION).unlink()

    assert main(["sessions", "VERIFY", str(recorded), STREAM, str(SESSION)]) == 2
    assert "make it again with RECOVER" in capsys.readouterr().err


def test_a_session_is_shown_to_people(recorded, capsys):
    assert main(["sessions", "SHOW", str(recorded), STREAM, str(SESSION)]) == 0

    shown = capsys.readouterr().out
    assert "20 frames written, 0 lost, complete" in shown
    assert f"{SESSION}_001.g3" in shown
