"""Sessions on the disk as writers leave them: in one file or several, whole, with holes, or cut short."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from receivers.geometry import Geometry
from receivers.hdf5.series import FileSeries
from receivers.recorder.names import file_name, session_directory
from receivers.report import Outcome
from tests.receivers.conftest import SESSION, STREAM, report
from xspress3.stream.tracker import Gap


class Recording:
    """A session of two blocks of four frames a file, written below `base`."""

    def __init__(self, sender: Any, base: Path, n_frames: int | None, *more_directories: Path) -> None:
        self.sender = sender
        self.n_frames = n_frames
        self.directory = session_directory(base, SESSION, STREAM)
        self.directory.mkdir(parents=True, exist_ok=True)
        start = sender.start_message(n_frames)
        self.series = FileSeries(
            start,
            Geometry.from_start(start),
            [self.directory, *more_directories],
            lambda part: file_name(SESSION, part),
        )

    def blocks(self, first: int, end: int) -> None:
        for frame in range(first, end, 4):
            self.series.write(self.sender.block_message(frame, min(4, end - frame)))
        self.series.flush()

    def lose(self, first: int, n_frames: int, reason: str = "overrun") -> None:
        self.series.lost(Gap(first, n_frames, reason))

    def part(self, first: int, end: int) -> None:
        self.blocks(first, end)
        self.series.roll()

    def finish(self, lost: int = 0, outcome: Outcome = Outcome.COMPLETE) -> None:
        self.series.finish(report(self.n_frames, lost, outcome))

    def die(self) -> None:
        """Leave the open file as the death of its writer does: as it was at the last flush."""
        path = self.series.files[-1].path
        kept = path.with_name("kept")
        shutil.copy(path, kept)
        self.finish()
        path.unlink()
        kept.rename(path)


@pytest.fixture
def record(sender: Any, tmp_path: Path) -> Iterator[Callable[..., Recording]]:
    """Sessions below `tmp_path`."""
    made: list[Recording] = []

    def make(n_frames: int | None, *more_directories: Path) -> Recording:
        made.append(Recording(sender, tmp_path, n_frames, *more_directories))
        return made[-1]

    yield make
    for one in made:
        one.finish(one.n_frames or 0, Outcome.INTERRUPTED)
