"""`xspress3-receiver` in processes of its own: exit codes, messages, signals, what a dead writer leaves."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import numpy as np
import pytest

from receivers import cli
from receivers.hdf5.layout import COUNTS, DETECTOR
from receivers.hdf5.summary import read_summary
from receivers.hdf5.writer import Hdf5Sink

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def write(sender, program, tmp_path):
    """Start a writer that has joined; files go to the folder `data`."""
    (tmp_path / "data").mkdir()

    def launch(*options):
        launched = program("write", "--port", sender.port, "--directory", tmp_path / "data", *options)
        sender.wait_joined()
        return launched

    return launch


@pytest.fixture
def path(tmp_path, sender):
    return tmp_path / "data" / f"{sender.stream_id}_{sender.session_id}.h5"


def test_write_ends_with_0_and_tells_the_counts(sender, write, path, last_json):
    writer = write("--sessions", 1, "--json")

    sender.start(8)
    sender.block(0)
    sender.block(4)
    sender.end(8)

    code, out, error = writer.wait()
    session = last_json(out)["sessions"][0]
    assert code == 0, error
    assert session["path"] == str(path)
    assert (session["frames_received"], session["frames_lost"], session["is_complete"]) == (8, 0, True)
    assert read_summary(path).is_complete


def test_write_ends_with_7_when_frames_were_lost(sender, write, path):
    writer = write("--sessions", 1, "--quiet")

    sender.start(8)
    sender.block(4)
    sender.end(8)

    code, out, error = writer.wait()
    assert code == 7
    assert "4 of 8 frames, 4 lost in 1 range (0..3 on the way to this reader)" in out
    assert str(path) in out
    assert error == ""


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_closes_the_file_and_tells_the_counts(
    sender, write, path, frames_in, eventually, number, expected
):
    writer = write("--flush-interval", 0.05)
    sender.start(100)
    sender.block(0)
    sender.block(4)
    eventually(lambda: frames_in(path) == 8, "8 frames in the file")

    writer.process.send_signal(number)

    code, out, error = writer.wait()
    assert code == expected
    assert "8 of 100 frames, 0 lost, interrupted" in out
    assert "Traceback" not in error
    with h5py.File(path) as file:  # closed: opens without SWMR
        np.testing.assert_array_equal(file[DETECTOR]["data"][()], sender.truth.histogram(0, 8))
        assert file[COUNTS]["frames_written"][()] == 8
        assert file["/entry/complete"][()] == 0
        assert file["/entry/end_reason"].asstr()[()] == "interrupted"


def test_a_killed_writer_loses_only_what_came_since_its_last_flush(
    sender, write, path, eventually, frames_in
):
    interval, margin = 0.2, 1.0  # a busy machine may not run the writer for a while
    writer = write("--flush-interval", interval, "--quiet")
    sender.start(None)
    sent = []

    def goes_on():
        sender.block(4 * len(sent))
        sent.append(time.monotonic())
        return frames_in(path) >= 100

    eventually(goes_on, "100 frames in the file")
    killed = time.monotonic()
    writer.process.kill()
    writer.process.wait()

    old_enough = 4 * sum(at < killed - interval - margin for at in sent)
    summary = read_summary(path)
    assert summary.frames_written >= max(old_enough, 100)
    assert not summary.is_finished
    assert not summary.is_complete
    with h5py.File(path, "r", swmr=True) as file:
        n = summary.frames_written
        np.testing.assert_array_equal(file[DETECTOR]["data"][:n], sender.truth.histogram(0, n))
        np.testing.assert_array_equal(file[DETECTOR]["all_good"][:n], sender.truth.scalers(0, n)[..., 4])
        assert file[COUNTS]["frames_written"][()] == n


def test_scalers_reach_the_file_while_no_block_comes(sender, write, path, frames_in, eventually):
    write("--flush-interval", 0.1, "--quiet")
    sender.start(100)

    sender.block(0)

    eventually(lambda: frames_in(path) == 4, "4 frames in the file")


@pytest.mark.timeout(90)
def test_a_failing_disk_ends_with_8_and_what_was_written_stays(sender, write, path, frames_in, eventually):
    sender.truth.n_bins = 4096
    writer = write("--flush-interval", 0.05, "--quiet", "--json")
    sender.start(None)
    sender.block(0)
    sender.block(4)
    eventually(lambda: frames_in(path) == 8, "8 frames in the file")
    limit = path.stat().st_size + 50_000
    resource.prlimit(writer.process.pid, resource.RLIMIT_FSIZE, (limit, limit))

    first, deadline = 8, time.monotonic() + 60
    while writer.process.poll() is None and time.monotonic() < deadline:
        sender.block(first)  # as long as it takes the writer, which others may hold up, to meet the limit
        sender.serve()
        first += 4

    code, out, error = writer.wait()
    assert code == 8, error
    assert "frames could not be written: writing" in error
    assert json.loads(out)["sessions"][0]["outcome"] == "sink failed"
    summary = read_summary(path)
    assert summary.frames_written >= 8
    assert not summary.is_finished
    with h5py.File(path, "r", swmr=True) as file:
        np.testing.assert_array_equal(file[DETECTOR]["data"][:8], sender.truth.histogram(0, 8))


def test_an_existing_file_ends_with_8_under_the_policy_fail(sender, write, path):
    path.write_text("precious")
    writer = write("--policy", "fail", "--quiet")

    sender.start(4)

    code, _, error = writer.wait()
    assert code == 8
    assert error.startswith(f"xspress3-receiver: cannot create {path}: the file exists")
    assert path.read_text() == "precious"


def test_print_says_what_comes(sender, program):
    printer = program("print", "--port", sender.port, "--sessions", 1)
    sender.wait_joined()

    sender.stream_id = "xsp3\x1b[31m"
    sender.start(3)
    sender.block(0, 3)
    sender.end(3)

    code, out, error = printer.wait()
    first, frame, last = out.splitlines()
    assert code == 0, error
    assert first == "xsp3?[31m session 1763683200: 3 frames, 2 channels of 256 bins"
    # channel 0: 107 events of 7 ticks and 500 ticks of 80000, 102 good in 80016 ticks
    assert frame == "frame 2: counts 102 1102  in 109k/s 1.2M/s  out 102k/s 1.1M/s  dead 1.6% 7.5%"
    assert last == "session 1763683200: 3 of 3 frames, 0 lost, complete"


def test_progress_on_no_terminal_is_plain_lines_on_standard_error(sender, write):
    writer = write("--sessions", 1)

    sender.start(4)
    sender.block(0)
    sender.end(4)

    _, out, error = writer.wait()
    lines = error.splitlines()
    assert lines[-1] == "session 1763683200: 4 of 4 frames, 0 lost, complete"
    assert all(f"joined xsp3 at {sender.endpoint} as writer, lossless" in line for line in lines[:-1])
    assert len(out.splitlines()) == 1


def test_waiting_for_a_sender_is_told(program):
    writer = program("print", "--port", 1)

    line = writer.process.stderr.readline()

    assert line == "xspress3-receiver: waiting for tcp://127.0.0.1:1\n"


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--directory", "/nonexistent"], 8, "directory /nonexistent does not exist"),
        (["--directory", ".", "--pattern", "../x.h5"], 2, "file name pattern"),
        (["--directory", ".", "--flush-interval", "-1"], 2, "flush_interval"),
        (["--directory", ".", "--host", "no host"], 2, "cannot connect to tcp://no host:9999"),
    ],
)
def test_mistakes_of_the_user_are_one_line(capsys, options, code, message):
    assert cli.main(["write", *options]) == code

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("xspress3-receiver: ")
    assert message in line


@pytest.mark.parametrize("command", [["write", "--directory", "."], ["show", "x.h5"]])
def test_without_h5py_the_way_to_get_it_is_told(command):
    code = f"import sys; sys.modules['h5py'] = None; from receivers import cli; sys.exit(cli.main({command}))"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr == (
        "xspress3-receiver: h5py is missing: pip install '.[hdf5]' in a clone of xspress3-streamer\n"
    )


def test_show_tells_counts_without_the_holes(sender, run, tmp_path, capsys):
    sink = Hdf5Sink(tmp_path)

    def say():
        sender.start(8)
        sender.block(4)
        sender.end(8)

    run(say, sink)
    assert cli.main(["show", str(sink.finished[0][1]), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)

    # all_good of frames 4..7: 104 + 105 + 106 + 107, and 1000 more each in channel 1
    assert shown["counts"] == [422, 4422]
    assert shown["output_count_rates"][0] == pytest.approx(105.5 / (80016 * 12.5e-9))
    assert (shown["frames_expected"], shown["frames_written"], shown["frames_lost"]) == (8, 4, 4)
    assert (shown["is_finished"], shown["is_complete"]) == (True, False)


def test_show_draws_a_table(sender, run, tmp_path, capsys):
    sink = Hdf5Sink(tmp_path)

    def say():
        sender.start(4)
        sender.block(0)
        sender.end(4)

    run(say, sink)
    assert cli.main(["show", str(sink.finished[0][1])]) == 0

    shown = capsys.readouterr().out
    assert "4 of 4 frames written, 0 lost" in shown
    assert "\ncomplete; " in shown
    assert "406" in shown  # 100 + 101 + 102 + 103


@pytest.mark.parametrize("content", [None, b"not HDF5", "empty HDF5"])
def test_show_of_something_else_is_one_line(tmp_path, capsys, content):
    path = tmp_path / "x.h5"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        h5py.File(path, "w").close()

    assert cli.main(["show", str(path)]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line
