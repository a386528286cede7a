"""`xspress3 serve --write`: files by a process of its own, whose death does not stop the acquisition."""

from __future__ import annotations

import json
import os
import signal

import pytest

from receivers.hdf5.summary import read_summary
from receivers.liveview.monitor_client import MonitorClient
from tests.programs import next_event, serve

pytestmark = pytest.mark.timeout(90)
FRAMES = ("--frames", 20, "--exposure", 0.001)


def events(output):
    return [json.loads(line) for line in output.splitlines()]


def test_each_session_gets_a_file(tmp_path):
    with serve(*FRAMES, "--sessions", 2, "--write", tmp_path) as server:
        output, error = server.communicate(timeout=60)

    assert server.returncode == 0, error
    written = [one["text"] for one in events(output) if one["event"] == "written"]
    assert len(written) == 2
    files = sorted(tmp_path.iterdir())
    assert [read_summary(path).frames_written for path in files] == [20, 20]
    assert all(read_summary(path).is_complete for path in files)


def test_the_acquisition_goes_on_when_the_writer_is_killed(tmp_path):
    with serve("--frames", 2000, "--exposure", 0.001, "--sessions", 2, "--write", tmp_path) as server:
        joined = next_event(server, "joined")
        next_event(server, "session")
        os.kill(joined["pid"], signal.SIGKILL)

        died = next_event(server, "writer died")
        ends = [next_event(server, "end") for _ in range(2)]
        server.communicate(timeout=60)

    assert joined["reader"] == "writer"
    assert died["exit_code"] == -signal.SIGKILL
    assert [end["acquired"] for end in ends] == [2000, 2000]
    assert server.returncode == 8


def test_a_directory_that_cannot_be_used_is_an_error_before_the_first_frame(tmp_path):
    with serve(*FRAMES, "--write", tmp_path / "gone") as server:
        output, error = server.communicate(timeout=60)

    assert server.returncode == 8
    assert "gone does not exist" in error
    assert "session" not in [one["event"] for one in events(output)]


def test_a_stop_in_the_middle_leaves_a_file_that_says_so(tmp_path):
    with serve("--frames", 100_000, "--exposure", 0.001, "--write", tmp_path) as server:
        next_event(server, "session")
        server.send_signal(signal.SIGINT)
        output, error = server.communicate(timeout=60)

    assert server.returncode == 130, error
    (path,) = tmp_path.iterdir()
    end = next(one for one in events(output) if one["event"] == "end")
    summary = read_summary(path)
    assert summary.is_finished
    assert summary.end_reason == "stopped"
    assert summary.frames_written == end["acquired"]


def test_the_status_of_the_streamer_tells_the_file_and_how_far_it_is(tmp_path, eventually):
    with serve("--frames", 100_000, "--exposure", 0.001, "--write", tmp_path) as server:
        monitor = next_event(server, "listening")["monitor"]
        session_id = next_event(server, "session")["session_id"]

        with MonitorClient(monitor) as client:
            eventually(lambda: client.ask(b"status", 5.0)["written"], timeout=20)
            status = client.ask(b"status", 5.0)
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)

    (path,) = tmp_path.iterdir()
    assert status["session_id"] == session_id
    assert status["file"] == str(path)
    assert 0 < status["written"] <= status["acquired"]
    assert read_summary(path).frames_written >= status["written"]


def test_without_a_writer_what_is_written_is_not_known():
    with serve("--frames", 0, "--exposure", 0.01) as server:
        monitor = next_event(server, "listening")["monitor"]
        next_event(server, "session")

        with MonitorClient(monitor) as client:
            status = client.ask(b"status", 5.0)

    assert (status["written"], status["file"]) == (None, None)
