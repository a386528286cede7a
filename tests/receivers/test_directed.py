"""Files written where the sender says, several sessions in one, and the writer that follows its sender."""

from __future__ import annotations

import functools
import json
import signal
import subprocess
import sys

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import numpy as np
import pytest

from receivers.hdf5.directed import DirectedSink
from receivers.hdf5.layout import COUNTS, DETECTOR
from receivers.hdf5.summary import open_file, read_summary


@pytest.fixture
def told():
    return []


@pytest.fixture
def sink(told):
    return DirectedSink(lambda event, **values: told.append({"event": event, **values}))


def burst(sender, path, first_number, n_frames=6, existing="append"):
    """A session of `n_frames` frames that wants to stand in `path`."""

    def say():
        sender.session_id += first_number
        sender.start(n_frames, metadata={"file": {"path": str(path), "existing": existing}})
        for first in range(0, n_frames, 4):
            sender.block(first, min(4, n_frames - first))
        sender.end(n_frames)

    return say


def test_bursts_of_a_scan_stand_in_one_file_one_behind_the_other(sender, run, sink, tmp_path):
    path = tmp_path / "scan 1.5.h5"

    for number in range(3):
        run(burst(sender, path, number), sink)

    with h5py.File(path, "r") as file:
        truth = sender.truth.histogram(0, 6)
        assert np.array_equal(file[DETECTOR]["data"][()], np.concatenate([truth] * 3))
        assert list(file[DETECTOR]["frame_number"]) == list(range(18))
        assert file[DETECTOR]["all_good"].shape == (18, sender.truth.n_channels)
        assert list(file["/entry/sessions/first_row"]) == [0, 6, 12]
        assert file[COUNTS]["frames_expected"][()] == file[COUNTS]["frames_written"][()] == 18
    assert read_summary(path).is_complete
    assert list(tmp_path.iterdir()) == [path]


def test_a_session_that_names_no_file_is_not_written(sender, run, sink, told, tmp_path):
    def say():
        sender.start(4)
        sender.block(0)
        sender.end(4)

    run(say, sink)

    assert told == []


def test_a_directory_that_is_not_there_is_told_and_the_next_session_is_written(
    sender, run, sink, told, tmp_path
):
    run(burst(sender, tmp_path / "gone" / "x.h5", 0), sink)
    run(burst(sender, tmp_path / "x.h5", 1), sink)

    assert told[0]["event"] == "refused"
    assert "gone does not exist" in told[0]["text"]
    assert told[-1] == {
        "event": "end",
        "session_id": sender.session_id,
        "path": str(tmp_path / "x.h5"),
        "written": 6,
        "complete": True,
        "text": "",
    }


@pytest.mark.parametrize(
    "wanted", ["x.h5", {"path": "relative.h5"}, {"path": 5}, {"path": "/x.h5", "existing": "delete"}]
)
def test_what_makes_no_path_is_refused(sender, run, sink, told, wanted):
    def say():
        sender.start(4, metadata={"file": wanted})
        sender.end(0)

    run(say, sink)

    assert [event["event"] for event in told] == ["refused"]


def test_files_are_made_below_the_allowed_directories_only(sender, run, told, tmp_path):
    (tmp_path / "in").mkdir()
    sink = DirectedSink(lambda event, **values: told.append(event), [tmp_path / "in"])

    run(burst(sender, tmp_path / "in" / ".." / "out.h5", 0), sink)
    run(burst(sender, tmp_path / "in" / "x.h5", 1), sink)

    assert told[0] == "refused"
    assert told[-1] == "end"
    assert not (tmp_path / "out.h5").exists()


def test_a_file_of_another_shape_is_left_and_a_neighbour_made(sender, run, sink, told, tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["/entry/instrument/xspress3/data"] = np.zeros((1, 2, 3))

    run(burst(sender, path, 0), sink)

    assert told[0]["event"] == "beside"
    assert told[-1]["path"] == str(tmp_path / "x_1.h5")


def test_a_session_with_other_windows_gets_a_file_of_its_own(sender, run, sink, told, tmp_path):
    path = tmp_path / "x.h5"
    run(burst(sender, path, 0), sink)
    sender.start_message = functools.partial(sender.start_message, detector=other_windows(sender))

    run(burst(sender, path, 1), sink)

    assert [event["event"] for event in told if event["event"] == "beside"] == ["beside"]
    assert told[-1]["path"] == str(tmp_path / "x_1.h5")


def other_windows(sender):
    detector = dict(sender.start_message(4).detector)
    return {**detector, "windows": [[[11, 20], [30, 40]]] * sender.truth.n_channels}


def test_frames_count_as_written_also_when_no_more_come(sender, tmp_path):
    command = [sys.executable, "-m", "receivers.cli", "write", "--follow", "--while-stdin", "--port"]
    with subprocess.Popen(
        [*command, str(sender.port), "--flush-interval", "0.25"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        sender.wait_joined()
        sender.start(50, metadata={"file": {"path": str(tmp_path / "x.h5"), "existing": "append"}})
        sender.block(0, 4)

        events = [json.loads(writer.stdout.readline()) for _ in range(3)]  # the sender is silent now

        assert events[-1] == {"event": "progress", "session_id": sender.session_id, "written": 4}
        sender.end(4)
        writer.stdin.close()
        writer.stdout.read()


def test_a_writer_that_follows_ends_with_its_standard_input(sender, tmp_path):
    command = [sys.executable, "-m", "receivers.cli", "write", "--follow", "--while-stdin", "--port"]
    with subprocess.Popen(
        [*command, str(sender.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        sender.wait_joined()
        burst(sender, tmp_path / "x.h5", 0)()

        events = []
        while not events or events[-1]["event"] != "end":
            events.append(json.loads(writer.stdout.readline()))
        writer.stdin.close()

        assert writer.wait(10) == 0
    assert [event["event"] for event in events if event["event"] != "progress"] == ["joined", "begin", "end"]
    assert read_summary(tmp_path / "x.h5").is_complete


REOPENS = """
import os, signal, sys
from pathlib import Path
from receivers.hdf5.swmr import open_swmr
file = open_swmr(Path(sys.argv[1]))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_writer_killed_while_it_opens_a_file_to_append_leaves_what_was_there(sender, run, sink, tmp_path):
    path = tmp_path / "scan.h5"
    run(burst(sender, path, 0), sink)

    killed = subprocess.run([sys.executable, "-c", REOPENS, str(path)], check=False)

    assert killed.returncode == -signal.SIGKILL
    with open_file(path) as file:
        assert np.array_equal(file[DETECTOR]["data"][()], sender.truth.histogram(0, 6))
    assert read_summary(path).frames_written == 6
