"""Disks that are full, for real: a small file system in memory."""

import os
import subprocess
import time

import pytest

from receivers.recorder.held import NO_ROOM
from receivers.recorder.loop import StreamRecorder
from receivers.recorder.options import Options, Source
from receivers.sessions.index import SessionIndex, index_path
from receivers.sessions.loader import load_session
from tests.receivers.conftest import SESSION
from xspress3.config import StreamerConfig
from xspress3.model import Acquisition
from xspress3.streamer import Streamer
from xspress3.testing import FakeDetector, fake_frames

SIZE = 4 << 20


@pytest.fixture
def small_disk(tmp_path):
    path = tmp_path / "small"
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", path], check=False)
    if done.returncode:
        pytest.skip("a file system can be mounted by root only")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


def fill(path):
    """Take all that is left; gives the file that has it."""
    ballast = path / "ballast"
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 14))
                file.flush()
        except OSError:
            pass
    return ballast


def test_recording_goes_on_within_two_seconds_after_space_has_come_back(bench, sender, small_disk):
    recorder = bench.join(data_dirs=(small_disk,), min_free_bytes=1 << 20)
    bench.data_dir = small_disk
    sender.start(400)
    sender.block(0)
    bench.until_written(recorder, 4)
    ballast = fill(small_disk)

    for first in range(4, 200, 4):
        sender.block(first)
    bench.until(lambda: recorder.status().is_degraded, "it is degraded")
    bench.until(lambda: recorder.status().counts.received == 200)
    waiting = recorder.status().counts.waiting
    ballast.unlink()
    freed_at = time.monotonic()
    bench.until_written(recorder, 200)
    took = time.monotonic() - freed_at

    assert waiting >= 196
    assert took < 2.0
    bench.until(lambda: not recorder.status().is_degraded, "all is well again")
    for first in range(200, 400, 4):
        sender.block(first)
    sender.end(400)
    assert bench.until_closed(SESSION).complete
    assert bench.frames() == list(range(400))


def test_what_the_memory_does_not_hold_is_lost_counted_and_told(bench, sender, small_disk):
    recorder = bench.join(data_dirs=(small_disk,), min_free_bytes=1 << 20, queue_bytes=40_000)
    bench.data_dir = small_disk
    sender.start(400)
    sender.block(0)
    bench.until_written(recorder, 4)
    ballast = fill(small_disk)

    for first in range(4, 400, 4):
        sender.block(first)
    sender.end(400)
    bench.until(lambda: recorder.status().counts.received == 400)
    ballast.unlink()
    index = bench.until_closed(SESSION)

    counts = recorder.status().counts
    assert counts.lost_here > 0
    assert index.frames_written + index.frames_lost == 400
    assert index.missing == ((index.frames_written, 400, NO_ROOM),)
    assert bench.frames() == list(range(index.frames_written))
    assert not index.complete
    assert any("being lost" in line for line in bench.lines)


def test_a_second_directory_takes_over_when_the_first_is_full(bench, sender, small_disk, tmp_path):
    spare = tmp_path / "spare"
    spare.mkdir()
    recorder = bench.join(data_dirs=(small_disk, spare), min_free_bytes=1 << 20)
    sender.start(8)
    sender.block(0)
    bench.until_written(recorder, 4)
    ballast = fill(small_disk)

    sender.block(4)
    sender.end(8)
    bench.until_written(recorder, 8)
    ballast.unlink()

    path = index_path(small_disk, "xsp3", SESSION)
    bench.until(lambda: SessionIndex.read(path).state.value == "closed")
    index = SessionIndex.read(path)
    assert index.complete
    assert [os.path.isabs(entry.name) for entry in index.files] == [False, True]  # noqa: PTH117
    assert index.files[1].name.startswith(str(spare))
    assert not recorder.status().counts.lost


def test_a_stop_while_the_disk_is_full_says_what_it_loses(bench, sender, small_disk):
    recorder = bench.join(data_dirs=(small_disk,), min_free_bytes=1 << 20)
    sender.start(400)
    sender.block(0)
    bench.until_written(recorder, 4)
    fill(small_disk)
    for first in range(4, 100, 4):
        sender.block(first)
    bench.until(lambda: recorder.status().counts.received == 100)

    recorder.stop()

    counts = recorder.status().counts
    assert counts.written + counts.lost_here == 100
    assert counts.waiting == 0


@pytest.mark.timeout(180)
@pytest.mark.parametrize("min_free_bytes", [0, 1 << 20])
def test_a_streamer_at_full_speed_loses_no_frame_to_a_disk_that_fills_up_and_is_freed(
    small_disk, min_free_bytes
):
    n_frames, n_bins = 4000, 1024
    subprocess.run(["mount", "-o", "remount,size=128m", small_disk], check=True)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(120 << 20))
    detector = FakeDetector(n_bins=n_bins)
    detector.finish(n_frames)
    config = StreamerConfig(data_port=0, monitor_port=0, linger=0.2, compression="none")
    options = Options((small_disk,), min_free_bytes=min_free_bytes)
    with Streamer(detector, config) as streamer:
        with StreamRecorder(Source(streamer.data_endpoint), options, lambda _line: None) as recorder:
            recorder.start()
            streamer.wait_readers(1, timeout=60)
            session_id = streamer.arm(Acquisition(1e-4, frames_per_trigger=n_frames)).session_id
            wait_for(lambda: recorder.status().is_degraded, "the disk is full")
            assert recorder.status().counts.lost == 0
            ballast.unlink()
            streamer.wait(60)
            path = index_path(small_disk, "xspress3", session_id)
            wait_for(lambda: path.exists() and SessionIndex.read(path).state.value == "closed", "the end")
            counts = recorder.status().counts

    assert (counts.lost, SessionIndex.read(path).complete) == (0, True)
    with load_session("xspress3", session_id, small_disk) as dataset:
        assert dataset.sizes["frame"] == n_frames
        for first in range(0, n_frames, 500):
            truth, _ = fake_frames(first, 500, 2, n_bins)
            assert (dataset.histogram[first : first + 500].values == truth).all()


def wait_for(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)  # a poll with a deadline
