"""The index: what was written comes back, whole or not at all, and nothing else is believed."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from receivers.sessions.index import FileEntry, FileKind, IndexState, SessionIndex, index_path
from tests.receivers.conftest import SESSION
from xspress3.errors import ConfigurationError, SinkError

INDEX = SessionIndex(
    stream_id="xsp3",
    session_id=SESSION,
    state=IndexState.CLOSED,
    start_time=1763683200.25,
    end_time=None,
    end_reason="complete",
    frames_expected=None,
    frames_written=10,
    frames_lost=2,
    duplicates=0,
    missing=((4, 6, "overrun"),),
    complete=False,
    files=(FileEntry(f"{SESSION}_000.h5", FileKind.HDF5, 0, 0, 10, IndexState.CLOSED, False, 4096),),
)


def test_an_index_comes_back_as_it_was_written(tmp_path):
    INDEX.write(tmp_path / "index.json")

    assert SessionIndex.read(tmp_path / "index.json") == INDEX


def test_the_index_lies_beside_the_files_of_the_session():
    found = index_path(Path("/data"), "a/b", SESSION)

    assert found == Path(f"/data/17636/a_b/{SESSION}.json")


def test_writing_again_replaces_the_index_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "index.json"
    INDEX.write(path)

    dataclasses.replace(INDEX, frames_written=12).write(path)

    assert SessionIndex.read(path).frames_written == 12
    assert list(tmp_path.iterdir()) == [path]


def test_an_index_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "index.json"
    INDEX.write(path)
    (tmp_path / f".index.json.{os.getpid()}").mkdir()  # the draft has no place

    with pytest.raises(SinkError, match="cannot write"):
        dataclasses.replace(INDEX, frames_written=12).write(path)

    assert SessionIndex.read(path) == INDEX


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "xspress3-session/2"},
        {"session_id": True},
        {"session_id": -1},
        {"frames_written": 1 << 70},
        {"start_time": "now"},
        {"start_time": float("nan")},
        {"state": "lost"},
        {"missing": [[6, 4, "overrun"]]},
        {"missing": {}},
        {"files": [{"name": "a.h5"}]},
        {"files": [4]},
        {"complete": 1},
    ],
)
def test_what_is_no_index_is_refused(tmp_path, change):
    path = tmp_path / "index.json"
    path.write_text(json.dumps({**INDEX.as_dict(), **change}))

    with pytest.raises(ConfigurationError, match="not the index"):
        SessionIndex.read(path)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "null"])
def test_a_text_that_is_no_object_is_refused(tmp_path, text):
    path = tmp_path / "index.json"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match="not the index"):
        SessionIndex.read(path)


def test_an_index_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot read"):
        SessionIndex.read(tmp_path / "index.json")
