"""Reads the `.g3` files of a session whole, and holds them against its index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from receivers.g3.carried import Carried
from receivers.g3.frame import Frame, FrameKind
from receivers.g3.framing import CHUNK_BYTES, FrameSplitter
from receivers.g3.numbering import NUMBER_KEY, Numbering, Seen
from receivers.g3.session import said_ids
from receivers.sessions.index import FileEntry, IndexState, SessionIndex
from xspress3.errors import ProtocolError

__all__ = ["verify_files"]

METADATA = (FrameKind.OBSERVATION, FrameKind.WIRING)


def verify_files(index: SessionIndex, paths: Sequence[Path]) -> Iterator[tuple[int, str]]:
    """Frames that were read of each file, and what was found wrong, empty for nothing.

    Every frame is read, and its checksum checked. `paths` are in their order.
    """
    told = {Path(file.name).name: file for file in index.files}
    reading = _Reading()
    for path in paths:
        entry = told.pop(path.name, None)
        is_open = entry is not None and entry.state is IndexState.OPEN
        n_read, problem = reading.read(path, is_open=is_open)
        yield n_read, problem and f"{path.name}: {problem}"
        for text in _differences(path, n_read, entry):
            yield 0, f"{path.name}: {text}"
    for name, file in told.items():
        yield 0, f"{name}: is not there, and the index says that it has {file.frames_written} frames"
    for first, end in _untold(reading.numbering.ranges, index):
        yield 0, f"frames {first}..{end - 1} are not there, and the index says nothing of them"


def _differences(path: Path, n_read: int, entry: FileEntry | None) -> Iterator[str]:
    if entry is None:
        yield "is not in the index"
        return
    if n_read < entry.frames_written:
        yield f"has {n_read} frames, the index says {entry.frames_written}"
    size_bytes = path.stat().st_size
    # What is open was written on after the index, or its writer was killed in the midst of a frame.
    if size_bytes != entry.size_bytes and entry.state is IndexState.CLOSED:
        yield f"has {size_bytes} bytes, the index says {entry.size_bytes}"


def _untold(ranges: Sequence[tuple[int, int]], index: SessionIndex) -> Iterator[tuple[int, int]]:
    """Those of `ranges`, or what of them, that the index does not call missing."""
    for begin, stop in ranges:
        at = begin
        for first, end, _ in sorted(index.missing):
            if first >= stop:
                break
            if at < first:
                yield at, first
            at = max(at, end)
        if at < stop:
            yield at, stop


class _Reading:
    """Files of one session, read one after the other."""

    def __init__(self) -> None:
        self.numbering = Numbering()
        self._carried = Carried()
        self._is_first = True

    def read(self, path: Path, *, is_open: bool) -> tuple[int, str]:
        """Frames of the session in `path`, without those repeated at its start; and what is wrong with it.

        One that is open may end within a frame, which is being written.
        """
        n_read, is_begin = 0, True
        splitter = FrameSplitter()
        try:
            with path.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    for frame in splitter.feed(chunk):
                        is_begin = is_begin and frame.kind in METADATA
                        n_read += self._counts(frame, is_begin=is_begin)
        except (ProtocolError, OSError) as error:
            return n_read, f"behind {n_read} frames: {error}"
        if splitter.pending_bytes and not is_open:
            return n_read, f"ends within a frame: {splitter.pending_bytes} bytes of it are there"
        return n_read, ""

    def _counts(self, frame: Frame, *, is_begin: bool) -> bool:
        """Whether `frame` is one of the session, and none that its file repeats from the one before."""
        if is_begin and self._carried.holds(frame):
            return False
        self._carried.note(frame)
        number = frame.integer(NUMBER_KEY)
        if self._is_first and number is not None and said_ids(frame).session_id is None:
            # Nothing in it names the session: such a sender counts on from the session before.
            self.numbering.next_number = number
        self._is_first = False
        return self.numbering.see(frame) is not Seen.REPEATED
