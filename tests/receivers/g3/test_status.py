from __future__ import annotations

import json

import pytest

from receivers.g3.status import read_status
from tests.receivers.g3.frames import SESSION, STREAM, encode, make, observation, scan, wiring
from xspress3.errors import ProtocolError

WHOLE = '{"NumChannels": 1720, "Mask": [1, 2], "tag": "obs,stream"}'


@pytest.fixture
def write(tmp_path):
    def save(*frames, cut: int = 0):
        data = encode(*frames)
        path = tmp_path / "file.g3"
        path.write_bytes(data[: len(data) - cut])
        return path

    return save


def test_status_is_the_whole_one_with_the_changes_before_the_data(write):
    changes = [wiring(2, '{"NumChannels": 4}', dump=False), scan(3), wiring(4, '{"tag": "late"}', dump=False)]

    found = read_status(write(observation(0), wiring(1, WHOLE, dump=True), *changes))

    assert found["status"] == {"NumChannels": 4, "Mask": [1, 2], "tag": "obs,stream"}
    assert (found["stream_id"], found["session_id"], found["is_whole"]) == (STREAM, SESSION, True)
    assert found["observation"]["stream_placement"] == "start"
    json.dumps(found)


def test_without_a_whole_status_all_changes_count_and_that_is_said(write):
    found = read_status(write(wiring(0, '{"a": 1}', dump=False), scan(1), wiring(2, '{"b": 2}', dump=False)))

    assert (found["status"], found["is_whole"]) == ({"a": 1, "b": 2}, False)


def test_a_file_that_was_cut_off_is_read_up_to_there(write):
    found = read_status(write(wiring(0, WHOLE, dump=True), make("Observation", x=1), cut=5))

    assert found["status"]["NumChannels"] == 1720


def test_a_file_without_frames_says_nothing(write):
    assert read_status(write())["status"] == {}


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000])
def test_a_status_that_is_not_an_object_is_an_error(write, text):
    with pytest.raises(ProtocolError, match="status in a Wiring frame"):
        read_status(write(wiring(0, text, dump=True)))


def test_other_files_are_an_error(tmp_path):
    (tmp_path / "file.g3").write_bytes(b"\x89HDF\r\n")

    with pytest.raises(ProtocolError):
        read_status(tmp_path / "file.g3")
