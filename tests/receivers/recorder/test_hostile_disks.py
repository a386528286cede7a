"""Directories that others remove, that cannot be looked into, or that can only be read."""

import shutil
import subprocess

import pytest

from receivers.hdf5.series import REMOVED
from receivers.recorder.names import Shelf
from receivers.sessions.index import SessionIndex, index_path
from receivers.sessions.session import current_index
from tests.receivers.conftest import SESSION
from xspress3.errors import SinkError


@pytest.fixture
def read_only(tmp_path):
    path = tmp_path / "read-only"
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,ro", "tmpfs", path], check=False)
    if done.returncode:
        pytest.skip("a file system can be mounted by root only")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


def test_of_a_directory_that_is_removed_while_recording_the_frames_are_told_as_lost(bench, sender):
    recorder = bench.join()
    sender.start(12)
    sender.block(0)
    bench.until_written(recorder, 4)
    shutil.rmtree(bench.data_dir / str(SESSION)[:5])

    sender.block(4)
    bench.until(lambda: recorder.status().counts.lost_here == 4, "four frames are told as lost")
    assert any("removed" in reason for reason in recorder.status().degraded)
    sender.block(8)
    sender.end(12)
    index = bench.until_closed(SESSION)

    assert bench.frames() == list(range(4, 12))
    assert (index.frames_written, index.frames_lost, index.complete) == (8, 4, False)
    assert index.missing == ((0, 4, REMOVED),)
    found = current_index("xsp3", SESSION, bench.data_dir)
    assert (found.frames_written, found.missing, found.complete) == (8, ((0, 4, REMOVED),), False)


def test_a_session_whose_only_file_was_removed_ends_as_one_that_lost_all(bench, sender):
    recorder = bench.join()
    sender.start(4)
    sender.block(0)
    bench.until_written(recorder, 4)
    (bench.data_dir / bench.names()[0]).unlink()

    sender.end(4)
    index = bench.until_closed(SESSION)

    assert (index.frames_written, index.frames_lost, index.complete) == (0, 4, False)
    assert index.missing == ((0, 4, REMOVED),)
    assert recorder.status().is_degraded


def test_a_first_directory_that_can_only_be_read_leaves_the_second(bench, sender, read_only):
    recorder = bench.join(data_dirs=(read_only, bench.data_dir))

    sender.start(8)
    sender.block(0)
    sender.block(4)
    sender.end(8)
    bench.until_written(recorder, 8)

    assert bench.frames() == list(range(8))
    bench.until(lambda: "index" in " ".join(recorder.status().degraded), "the missing index is told")
    assert current_index("xsp3", SESSION, bench.data_dir).complete


def test_a_second_recorder_is_refused_by_any_directory_that_both_have(bench, sender, read_only):
    first = bench.join(data_dirs=(read_only, bench.data_dir))
    sender.start(8)
    sender.block(0)
    bench.until_written(first, 4)
    subprocess.run(["mount", "-o", "remount,rw", read_only], check=True)

    second = bench.record(data_dirs=(read_only, bench.data_dir))
    sender.wait_joined(2)
    sender.send(sender.start_message(8, next_frame=4, is_repeat=True))
    bench.until(lambda: second.status().is_degraded, "the second is degraded")

    assert "another recorder" in " ".join(second.status().degraded)


def test_names_are_those_of_the_directories_that_answer(tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    (good / "17636" / "xsp3").mkdir(parents=True)
    (good / "17636" / "xsp3" / f"{SESSION}_000.h5").touch()
    bad.touch()  # is no directory

    assert Shelf([bad, good], "xsp3").next_part(SESSION) == 1
    with pytest.raises(SinkError, match="bad"):
        Shelf([bad], "xsp3").is_taken(SESSION)


def test_a_session_waits_for_a_directory_that_does_not_answer(bench, sender):
    (bench.data_dir / str(SESSION)[:5]).touch()  # stands where the folder of the day should be
    recorder = bench.join()
    sender.start(8)
    sender.block(0)
    bench.until(lambda: recorder.status().counts.received == 4)
    bench.until(lambda: recorder.status().is_degraded, "it is degraded")

    (bench.data_dir / str(SESSION)[:5]).unlink()
    sender.block(4)
    sender.end(8)
    index = bench.until_closed(SESSION)

    assert (index.complete, bench.frames()) == (True, list(range(8)))
    assert SessionIndex.read(index_path(bench.data_dir, "xsp3", SESSION)).frames_lost == 0
