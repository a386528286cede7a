"""Sessions in several files: rolled over, left because a write failed, on a disk that is really full."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import numpy as np
import pytest

import receivers.hdf5.series
from receivers.geometry import Geometry
from receivers.hdf5 import recorded
from receivers.hdf5.facts import FileState
from receivers.hdf5.layout import COUNTS, DETECTOR
from receivers.hdf5.series import FileSeries
from receivers.hdf5.space import NoSpaceError
from receivers.hdf5.summary import open_file, read_summary
from receivers.hdf5.writer import Hdf5Sink
from receivers.payload import payload_bytes
from receivers.report import Outcome
from tests.receivers.conftest import report
from xspress3.errors import SinkError
from xspress3.stream import Block, Loss
from xspress3.stream.tracker import Gap

REPOSITORY = Path(__file__).resolve().parents[2]


def frames_of(path):
    """Frame number and histogram of each frame that is in the file."""
    with open_file(path) as file:
        numbers = file[DETECTOR]["frame_number"][()]
        return {int(n): file[DETECTOR]["data"][row] for row, n in enumerate(numbers) if n >= 0}


def check_frames(sender, paths, expected):
    """All frames of `expected` are in the files, and whatever is there is right."""
    found = {}
    for path in paths:
        found.update(frames_of(path))
    assert set(expected) <= set(found)
    for frame, histogram in found.items():
        np.testing.assert_array_equal(histogram, sender.truth.histogram(frame, 1)[0])


@pytest.fixture
def series(sender):
    """Makes a series of files in given directories."""
    made = []

    def make(*directories, n_frames=24, **options):
        start = sender.start_message(n_frames)
        geometry = Geometry.from_start(start)
        made.append(FileSeries(start, geometry, directories, "s_{:03d}.h5".format, **options))
        return made[-1]

    yield make
    for one in made:
        with contextlib.suppress(SinkError):
            one.roll()


class FullDisk:
    """In place of a dataset: what HDF5 says when the disk is full."""

    def _fail(self, *_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    id = property(_fail)
    flush = __setitem__ = _fail


def break_file(series):
    """Let the next write to the open file fail."""
    series._file._histogram = series._file._datasets["data"] = FullDisk()


def test_files_of_a_session_follow_each_other_without_a_hole(sender, series, tmp_path):
    files = series(tmp_path)
    for first in (0, 4):
        files.write(sender.block_message(first, 4))
    files.roll()
    files.lost(Gap(8, 4, "overrun"))
    files.write(sender.block_message(12, 4))
    files.roll()
    files.write(sender.block_message(16, 8))

    facts = files.finish(report(24, lost=4, duplicates=3))

    assert [(f.path.name, f.part, f.first_frame, f.frames_written) for f in facts] == [
        ("s_000.h5", 0, 0, 8),
        ("s_001.h5", 1, 8, 4),
        ("s_002.h5", 2, 16, 8),
    ]
    assert [f.is_complete for f in facts] == [True, False, True]
    assert {f.state for f in facts} == {FileState.CLOSED}
    check_frames(sender, [f.path for f in facts], [*range(8), *range(12, 24)])
    with h5py.File(facts[1].path) as file:
        assert file["/entry/first_frame"][()] == 8
        assert file["/entry/part"][()] == 1
        assert file["/entry/complete"][()] == 0
        assert file["/entry/end_reason"].asstr()[()] == "continued"
        assert file[DETECTOR]["frame_number"][()].tolist() == [-1] * 4 + [12, 13, 14, 15]
        assert file[COUNTS]["missing"][()].tolist() == [[8, 12]]
        assert [int(file[COUNTS][n][()]) for n in ("frames_expected", "frames_written", "frames_lost")] == [
            8,
            4,
            4,
        ]
    with h5py.File(facts[2].path) as file:
        assert file["/entry/end_reason"].asstr()[()] == "complete"
        assert [int(file[COUNTS][n][()]) for n in ("frames_expected", "duplicates")] == [8, 3]


def test_losses_behind_the_last_frame_are_told_by_a_file_of_their_own(sender, series, tmp_path):
    files = series(tmp_path)
    files.write(sender.block_message(0, 4))
    files.roll()
    files.lost(Gap(4, 4, "overrun"))
    files.lost(Gap(8, 16, "overrun"))

    facts = files.finish(report(24, lost=20, outcome=Outcome.STOPPED))

    assert [(f.first_frame, f.frames_written, f.is_complete) for f in facts] == [(0, 4, True), (4, 0, False)]
    with h5py.File(facts[1].path) as file:
        assert file[COUNTS]["missing"][()].tolist() == [[4, 24]]


def test_after_a_failed_write_the_same_block_comes_first_in_a_new_file(sender, series, tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    files = series(first, second)
    files.write(sender.block_message(0, 4))
    files.flush()
    files.write(sender.block_message(4, 4))
    break_file(files)

    files.write(sender.block_message(8, 4))
    facts = files.finish(report(12))

    assert [(f.path.parent, f.first_frame, f.frames_written, f.state) for f in facts] == [
        (first, 0, 4, FileState.BROKEN),
        (second, 4, 8, FileState.CLOSED),
    ]
    assert files.is_broken
    assert files.frames_written == 12
    check_frames(sender, [facts[0].path], range(4))
    check_frames(sender, [facts[1].path], range(4, 12))


def test_what_waits_for_a_flush_is_bounded_in_bytes(sender, series, tmp_path, monkeypatch):
    block = sender.block_message(0, 4)
    monkeypatch.setattr(receivers.hdf5.series, "MAX_KEPT_BYTES", 3 * payload_bytes(block))
    files = series(tmp_path)

    waiting = []
    for first in range(0, 24, 4):
        files.write(sender.block_message(first, 4))
        waiting.append(files.frames_waiting)

    assert max(waiting) <= 8
    assert files.frames_written >= 16


def test_a_broken_file_is_given_back_to_the_system_without_another_write(sender, series, tmp_path):
    files = series(tmp_path)
    files.write(sender.block_message(0, 4))
    files.flush()
    path = files.files[0].path
    files.write(sender.block_message(4, 4))
    written = path.read_bytes()
    break_file(files)

    files.write(sender.block_message(8, 4))

    assert path.read_bytes() == written
    held = [entry.readlink() for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    assert path not in held


def test_with_one_directory_the_new_file_stands_beside_the_broken_one(sender, series, tmp_path):
    files = series(tmp_path)
    files.write(sender.block_message(0, 4))
    files.flush()
    break_file(files)

    files.write(sender.block_message(4, 4))
    facts = files.finish(report(8))

    assert [(f.path.name, f.first_frame) for f in facts] == [("s_000.h5", 0), ("s_001.h5", 4)]
    check_frames(sender, [f.path for f in facts], range(8))


def test_what_waited_when_a_flush_failed_is_written_again(sender, series, tmp_path):
    files = series(tmp_path)
    files.write(sender.block_message(0, 4))
    files.flush()
    files.lost(Gap(4, 4, "overrun"))
    files.write(sender.block_message(8, 4))
    assert files.frames_waiting == 4
    break_file(files)

    files.flush()

    assert files.frames_waiting == 0
    facts = files.finish(report(12, lost=4))
    assert [(f.first_frame, f.frames_written) for f in facts] == [(0, 4), (4, 4)]
    check_frames(sender, [f.path for f in facts], [*range(4), *range(8, 12)])


def test_a_file_that_fails_before_it_holds_anything_is_not_tried_again_and_again(sender, series, tmp_path):
    files = series(tmp_path)
    files.open()
    break_file(files)

    for _ in range(20):
        with pytest.raises(NoSpaceError, match="No space left on device"):
            files.write(sender.block_message(0, 4))

    assert len(list(tmp_path.iterdir())) == 1


def test_a_block_that_no_directory_has_room_for_can_be_offered_again(sender, series, tmp_path):
    files = series(tmp_path, min_free_bytes=1 << 60)
    with pytest.raises(NoSpaceError, match="disk nearly full"):
        files.write(sender.block_message(0, 4))
    assert list(tmp_path.iterdir()) == []

    files._min_free_bytes = 0
    files.write(sender.block_message(0, 4))

    (facts,) = files.finish(report(4))
    assert facts.is_complete
    check_frames(sender, [facts.path], range(4))


def test_a_directory_that_is_gone_is_passed_over(sender, series, tmp_path):
    (tmp_path / "b").mkdir()
    files = series(tmp_path / "gone", tmp_path / "b")

    files.write(sender.block_message(0, 4))

    (facts,) = files.finish(report(4))
    assert facts.path.parent == tmp_path / "b"


def test_memory_of_a_block_is_not_needed_after_the_call(sender, series, tmp_path):
    files = series(tmp_path)
    block = sender.block_message(0, 4)
    lent = [bytearray(array.payload) for array in block.arrays]
    arrays = tuple(
        type(a)(a.name, a.dtype, a.shape, a.compression, m) for a, m in zip(block.arrays, lent, strict=True)
    )
    files.write(type(block)(block.envelope, 0, 4, arrays))
    for memory in lent:
        memory[:] = bytes(len(memory))
    break_file(files)

    with contextlib.suppress(NoSpaceError):
        files.flush()
    files._left_alone.clear()
    facts = files.finish(report(4))

    check_frames(sender, [f.path for f in facts[1:]], range(4))


def test_a_session_goes_to_the_second_directory_when_the_first_is_full(sender, run, tmp_path):
    (tmp_path / "b").mkdir()
    told = []
    with small_disk(tmp_path / "a", 1 << 20) as small:
        sink = Hdf5Sink([small, tmp_path / "b"], min_free_bytes=300_000, notify=told.append)
        sender.truth.n_bins = 4096

        def say():
            sender.start(100)
            for first in range(0, 100, 4):
                sender.block(first)
            sender.end(100)

        run(say, sink)

        assert [f.state for f in sink.files] == [FileState.CLOSED] * 2
        assert all(f.is_complete for f in sink.files)
        assert [f.path.parent for f in sink.files] == [small, tmp_path / "b"]
        assert "is written to" in told[0]
        check_frames(sender, [f.path for f in sink.files], range(100))


@contextlib.contextmanager
def small_disk(path: Path, size_bytes: int):
    """A file system of its own in memory; skips where that is not permitted."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(path)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no permission to mount a file system")
    try:
        yield path
    finally:
        # Lazily: HDF5 may hold a broken file open until the process ends.
        subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.mark.parametrize("compression", ["bslz4", "none"])
@pytest.mark.parametrize("seed", range(3))
def test_no_frame_reported_as_written_is_missing_from_a_disk_that_was_full(
    sender, tmp_path, seed, compression
):
    sender.truth.n_bins = 4096
    with small_disk(tmp_path / "a", (1 << 20) + 12345 * seed) as small:
        command = [sys.executable, "-m", "tests.receivers.fill_disk", small, str(seed), compression]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        files = [line.split(maxsplit=3) for line in lines if line.startswith("file")]
        counts = [int(line) for line in lines if line.isdecimal()]

        assert lines[-1] == "open 0", "HDF5 would crash when it closes these again"
        assert any(state == "broken" for _, _, state, _ in files), "the disk was never full"
        assert all(a <= b for a, b in pairwise(counts)), "the count of written frames went back"
        for _, written, _, path in files:
            assert len(frames_of(Path(path))) >= int(written)
        check_frames(sender, [Path(path) for *_, path in files], range(counts[-1]))


def test_a_part_is_summed_up_and_replayed_like_any_file(sender, series, tmp_path):
    files = series(tmp_path)
    files.write(sender.block_message(0, 4))
    files.roll()
    files.lost(Gap(4, 4, "overrun"))
    files.write(sender.block_message(8, 4))
    path = files.finish(report(12, lost=4))[1].path

    summary = read_summary(path)
    messages = list(recorded.session(path))

    assert (summary.part, summary.first_frame, summary.frames_written, summary.frames_lost) == (1, 4, 4, 4)
    losses = [(m.first_frame, m.n_frames, m.reason) for m in messages if isinstance(m, Loss)]
    blocks = [m for m in messages if isinstance(m, Block)]
    assert losses == [(0, 4, "overrun")]
    assert [(b.first_frame, b.n_frames) for b in blocks] == [(4, 4)]
    np.testing.assert_array_equal(blocks[0]["histogram"].decode(), sender.truth.histogram(8, 4))
