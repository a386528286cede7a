"""The index of a session made again from its `.g3` files, which are read whole for that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from receivers.g3.frame import Frame, FrameKind
from receivers.g3.framing import read_frames
from receivers.g3.index import NEVER_CAME
from receivers.g3.numbering import NUMBER_KEY, Numbering, Seen
from receivers.sessions.index import FileEntry, FileKind, IndexState, SessionIndex
from xspress3.errors import ProtocolError

__all__ = ["rebuild_index"]

METADATA = (FrameKind.OBSERVATION, FrameKind.WIRING)
REBUILT = "made again from the files, which do not say how it ended"


def rebuild_index(stream_id: str, session_id: int, paths: Sequence[Path], directory: Path) -> SessionIndex:
    """What the files at `paths`, in their order, say of a session; names are told as seen from `directory`.

    What a file begins with is not counted, as it stands in the one before. The end of a session is in no
    file, so it is never called complete.

    Raises
    ------
    OSError
        When a file cannot be read.
    """
    numbering = Numbering()
    entries: list[FileEntry] = []
    for part, path in enumerate(paths):
        first = sum(entry.frames_written for entry in entries)
        entries.append(_entry(path, part, first, numbering, directory))
    return SessionIndex(
        stream_id=stream_id,
        session_id=session_id,
        state=IndexState.BROKEN,
        start_time=float(session_id),
        end_time=paths[-1].stat().st_mtime,
        end_reason=REBUILT,
        frames_expected=None,
        frames_written=sum(entry.frames_written for entry in entries),
        frames_lost=numbering.missing,
        duplicates=numbering.repeated,
        missing=tuple((first, end, NEVER_CAME) for first, end in numbering.ranges),
        complete=False,
        files=tuple(entries),
    )


def _entry(path: Path, part: int, first: int, numbering: Numbering, directory: Path) -> FileEntry:
    n_frames, state = 0, IndexState.CLOSED
    try:
        for frame in _without_copies(path, numbering):
            n_frames += numbering.see(frame) is not Seen.REPEATED
    except ProtocolError:  # behind what was read nothing can be
        state = IndexState.BROKEN
    return FileEntry(
        name=path.name if path.parent == directory else str(path.absolute()),
        kind=FileKind.G3,
        part=part,
        first_frame=first,
        frames_written=n_frames,
        state=state,
        complete=False,
        size_bytes=path.stat().st_size,
    )


def _without_copies(path: Path, numbering: Numbering) -> Iterator[Frame]:
    """Frames of a file without those that it begins with though they came before its first."""
    is_begin = True
    for frame in read_frames(path):
        number = frame.integer(NUMBER_KEY)
        is_begin = is_begin and frame.kind in METADATA
        if is_begin and number is not None and number < numbering.next_number:
            continue
        yield frame
