"""A session over all its files: which file has which frame, what is missing, and why.

Frames can stand in two files, because what a broken file may not have is written again into the next one:
the later one counts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union

import numpy as np
import numpy.typing as npt

from receivers.recorded_blocks import NOT_RECORDED
from receivers.sessions.find import G3_EXTENSION, Found, find_files
from receivers.sessions.g3 import is_g3
from receivers.sessions.index import FileEntry, FileKind, IndexState, Missing, SessionIndex
from receivers.sessions.part import Part, read_part
from xspress3.errors import ConfigurationError

__all__ = [
    "RECOVERED",
    "Piece",
    "RecordedSession",
    "current_index",
    "get_session_files",
    "read_session",
]

RECOVERED = "recovered"
"""End of a file that was finished after its writer had died."""
_PROPER_ENDS = ("complete", "stopped", "restarted")

Choice = Union[int, Sequence[int], None]


@dataclass(frozen=True)
class Piece:
    """Consecutive frames, `first` to `end`, all to be read from one part, or missing where it is `None`."""

    first: int
    end: int
    part: Part | None


class RecordedSession:
    """What the files of a session say together::

        session = read_session("xsp3", 1763683200, Path("/data"))
        session.missing

    Attributes
    ----------
    parts
        In order, at least one; a file of which there is a finished copy is left out.
    first, end
        Frames for which there are rows.
    owner
        For each of these frames which of `parts` to read it from, -1 for none.
    recorded
        For each of these frames whether it is there.
    missing
        Frames that are not there, beyond `end` too where more were expected.
    notes
        What was odd: files that cannot be read, an index that says something else.
    """

    def __init__(
        self,
        stream_id: str,
        session_id: int,
        parts: Sequence[Part],
        found: Found,
        notes: Sequence[str] = (),
        *,
        is_whole: bool = True,
    ) -> None:
        self.stream_id = stream_id
        self.session_id = session_id
        self.parts, copied = _without_copied(parts)
        self.index = found.index
        self.index_path = found.index_path
        self._is_whole = is_whole
        self._g3 = [path for path in found.paths if path.suffix == G3_EXTENSION]
        self.first = 0 if is_whole else min(part.first_frame for part in self.parts)
        self.end = max(part.end for part in self.parts)
        self.owner, self.recorded = _who_has_what(self.parts, self.first, self.end)
        self.missing = tuple(self._holes())
        self.notes = (*found.notes, *notes, *copied, *self._contradictions())

    @property
    def n_frames(self) -> int:
        """Frames for which there are rows."""
        return self.end - self.first

    @property
    def frames_written(self) -> int:
        """Different frames that are there."""
        return int(self.recorded.sum())

    @property
    def frames_lost(self) -> int:
        """Frames that are not there."""
        return sum(end - first for first, end, _ in self.missing)

    @property
    def frames_expected(self) -> int | None:
        """Frames of the whole session; the last file that says it knew most."""
        # A file behind which the session went on tells of itself only.
        telling = [part.frames_expected for part in self.parts if part.end_reason != "continued"]
        said = [expected for expected in telling if expected is not None]
        if not said and self.index is not None:
            return self.index.frames_expected
        return said[-1] if said else None

    @property
    def state(self) -> IndexState:
        """Whether more may come, and whether it ended properly."""
        last = self.parts[-1]
        if last.is_finished and last.end_reason.startswith(RECOVERED):
            return IndexState.BROKEN
        if last.is_finished and last.end_reason != "continued":
            return IndexState.CLOSED
        was = IndexState.OPEN if self.index is None else self.index.state
        return IndexState.BROKEN if was is IndexState.BROKEN else IndexState.OPEN

    @property
    def end_reason(self) -> str:
        """As the last file has it."""
        return self.parts[-1].end_reason

    @property
    def is_complete(self) -> bool:
        """Whether the session ended properly and each of its frames is there."""
        if self.missing or self.state is not IndexState.CLOSED:
            return False
        return self.parts[-1].is_complete or (
            self.frames_expected == self.frames_written and self.end_reason.partition(":")[0] in _PROPER_ENDS
        )

    def pieces(self) -> Iterator[Piece]:
        """All frames from `first` to `end`, in as few pieces as the files allow."""
        edges = [0, *(np.flatnonzero(np.diff(self.owner)) + 1).tolist(), self.n_frames]
        for begin, stop in itertools.pairwise(edges):
            if begin < stop:
                owner = int(self.owner[begin])
                yield Piece(self.first + begin, self.first + stop, None if owner < 0 else self.parts[owner])

    def counting(self, number: int) -> npt.NDArray[np.bool_]:
        """For each row of `parts[number]` whether the frame is there and counts: no later file has it."""
        part = self.parts[number]
        owner = self.owner[part.first_frame - self.first : part.end - self.first]
        counting: npt.NDArray[np.bool_] = part.recorded & (owner == number)
        return counting

    def _holes(self) -> Iterator[Missing]:
        """Frames without data, cut where the reasons change."""
        said = sorted({hole for part in self.parts for hole in part.missing})
        why = np.zeros(self.n_frames, dtype=np.int32)
        for number, (first, end, _) in enumerate(said, 1):
            why[max(first - self.first, 0) : max(end - self.first, 0)] = number
        kind = np.where(self.recorded, -1, why)
        edges = [0, *(np.flatnonzero(np.diff(kind)) + 1).tolist(), self.n_frames]
        for begin, stop in itertools.pairwise(edges):
            if begin < stop and kind[begin] >= 0:
                reason = said[kind[begin] - 1][2] if kind[begin] else NOT_RECORDED
                yield self.first + begin, self.first + stop, reason
        yield from self._tail(said)

    def _tail(self, said: list[Missing]) -> Iterator[Missing]:
        """Frames that were expected behind all that there are rows for."""
        expected = self.frames_expected if self._is_whole else None
        stopped = self.parts[-1].is_finished and self.end_reason.startswith("stopped")
        if expected is not None and expected > self.end and not stopped:
            reasons = [reason for first, end, reason in said if first <= self.end < end]
            yield self.end, expected, reasons[0] if reasons else NOT_RECORDED

    def _contradictions(self) -> Iterator[str]:
        """What the index says otherwise."""
        index = self.index
        if index is None or not self._is_whole or index.state is IndexState.OPEN:
            return
        for name, here, there in (
            ("frames_written", self.frames_written, index.frames_written),
            ("complete", self.is_complete, index.complete),
        ):
            if here != there and not self._g3:
                yield f"{name}: {here} in the files, {there} in the index"

    def chosen(self, positions: Sequence[int]) -> RecordedSession:
        """The same with some of its files only, by their positions in `parts`."""
        parts = [self.parts[position] for position in positions]
        found = Found(tuple(part.path for part in parts), self.index, self.index_path, ())
        return RecordedSession(self.stream_id, self.session_id, parts, found, self.notes, is_whole=False)

    def as_index(self) -> SessionIndex:
        """What an index of these files says."""
        directory = self.parts[0].path.parent if self.index_path is None else self.index_path.parent
        return SessionIndex(
            stream_id=self.stream_id,
            session_id=self.session_id,
            state=self.state,
            start_time=max(self.parts[0].start_time, 0.0),
            end_time=self.parts[-1].end_time,
            end_reason=self.end_reason,
            frames_expected=self.frames_expected,
            frames_written=self.frames_written,
            frames_lost=self.frames_lost,
            duplicates=sum(part.duplicates for part in self.parts),
            missing=self.missing,
            complete=self.is_complete,
            files=(*(self._entry(i, directory) for i in range(len(self.parts))), *self._g3_entries()),
        )

    def _entry(self, i: int, directory: Path) -> FileEntry:
        part = self.parts[i]
        is_last = i + 1 == len(self.parts)
        state = IndexState.CLOSED if part.is_finished else IndexState.OPEN if is_last else IndexState.BROKEN
        path = part.path
        return FileEntry(
            name=path.name if path.parent == directory else str(path.absolute()),
            kind=FileKind.HDF5,
            part=part.part,
            first_frame=part.first_frame,
            frames_written=part.frames_written,
            state=state,
            complete=part.is_complete,
            size_bytes=part.size_bytes,
        )

    def _g3_entries(self) -> list[FileEntry]:
        """As the index has them: their frames are not counted here."""
        return [] if self.index is None else [f for f in self.index.files if f.kind is FileKind.G3]


def read_session(
    stream_id: str, session_id: int, base_dir: Path, also: Sequence[Path] = ()
) -> RecordedSession:
    """What the files of a session hold; of their data nothing is read. Directories as of `find_files`.

    Raises
    ------
    FileNotFoundError
        When there is no file of the session.
    ConfigurationError
        When none of them can be read as HDF5.
    """
    found = find_files(stream_id, session_id, base_dir, also)
    return _from_files(stream_id, session_id, found)


def current_index(stream_id: str, session_id: int, base_dir: Path) -> SessionIndex:
    """The index of a session where the sizes of its files agree with it, else one made from the files."""
    found = find_files(stream_id, session_id, base_dir)
    if found.index is not None and (is_g3(found) or (not found.notes and _sizes_agree(found))):
        return found.index
    return _from_files(stream_id, session_id, found).as_index()


def _sizes_agree(found: Found) -> bool:
    """Whether each file is as long as it was when the index was written; cheap, and no file is opened."""
    if found.index is None or found.index_path is None:
        return False
    directory = found.index_path.parent
    said = {directory / file.name: file.size_bytes for file in found.index.files}
    return said == {path: path.stat().st_size for path in found.paths}


def get_session_files(
    stream_id: str, session_id: int, base_dir: Path | str, idx: Choice = None
) -> list[Path]:
    """Paths of the files of a session, in order; `idx` takes one of them, or some, by position.

    Raises
    ------
    FileNotFoundError
        When there is none.
    ConfigurationError
        When `idx` is outside of what there is.
    """
    paths = find_files(stream_id, int(session_id), Path(base_dir)).paths
    return [paths[i] for i in positions(idx, len(paths))]


def positions(idx: Choice, n_files: int) -> list[int]:
    """`idx` as positions from 0 on, in the order given; negative ones count from the end."""
    chosen = range(n_files) if idx is None else [idx] if isinstance(idx, (int, np.integer)) else list(idx)
    for one in chosen:
        if not -n_files <= int(one) < n_files:
            raise ConfigurationError(f"idx: {one}, allowed is {-n_files}..{n_files - 1}: one of its files")
    return [int(one) % n_files for one in chosen]


def _from_files(stream_id: str, session_id: int, found: Found) -> RecordedSession:
    parts: list[Part] = []
    notes: list[str] = []
    for path in found.paths:
        if path.suffix == G3_EXTENSION:
            continue
        try:
            part = read_part(path, stream_id, session_id)
        except ConfigurationError as error:
            notes.append(str(error))
            continue
        if part is None:
            notes.append(f"{path} is named as one of session {session_id}, and holds another")
        else:
            parts.append(part)
    if not parts:
        raise ConfigurationError(
            f"no HDF5 file of stream {stream_id!r}, session {session_id} can be read"
            + "".join(f"; {note}" for note in notes)
        )
    parts.sort(key=lambda part: part.part)  # stable: names have put them in order before
    _check_shapes(parts)
    return RecordedSession(stream_id, session_id, parts, found, notes)


def _check_shapes(parts: list[Part]) -> None:
    for part in parts:
        if part.frames_shape != parts[0].frames_shape:
            raise ConfigurationError(
                f"{part.path} has frames of shape {part.frames_shape}, "
                f"{parts[0].path} of {parts[0].frames_shape}: these are not of one session"
            )


def _without_copied(parts: Sequence[Part]) -> tuple[list[Part], list[str]]:
    """Leave out files of which a finished copy has all there is in them."""
    copies = {part.recovered_from: part.frames_written for part in parts if part.recovered_from}
    kept = [part for part in parts if copies.get(part.path.name, -1) < part.frames_written]
    kept = kept or list(parts)
    numbers = [part.part for part in kept]
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    return kept, [f"part {number} is there more than once, the last one counts" for number in twice]


def _who_has_what(
    parts: Sequence[Part], first: int, end: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    owner = np.full(end - first, -1, dtype=np.int32)
    recorded = np.zeros(end - first, dtype=bool)
    for number, part in enumerate(parts):
        rows = slice(part.first_frame - first, part.end - first)
        # A row without a frame is read from its file as well, it holds fill values, unless another has more.
        owner[rows] = np.where(part.recorded | (owner[rows] < 0), number, owner[rows])
        recorded[rows] |= part.recorded
    return owner, recorded
