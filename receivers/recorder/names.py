"""Where files of a recorder lie, and which of the names are free.

`<data_dir>/<first 5 digits of session id>/<stream_id>/<session_id>_<NNN>.h5`. NNN counts from 000 to
999; from there on a letter says how many digits more there are, so that names sort as text: 999,
a1000 .. a9999, b10000.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from receivers.hdf5.naming import safe_name
from xspress3.errors import ConfigurationError, SinkError

__all__ = ["PartName", "Shelf", "file_name", "part_text", "session_directory"]

MIN_DIGITS = 3
MAX_PART = 10**9 - 1
DAY_DIGITS = 5
"""First digits of a session id that name a directory: a new one each 27.8 h."""
_NAME = re.compile(r"(\d{1,18})_(\d{3}|[a-f]\d{4,9})(?:_\d+)?(\.[A-Za-z0-9.]+)")


@dataclass(frozen=True)
class PartName:
    """What the name of a file says."""

    session_id: int
    part: int
    extension: str

    @classmethod
    def parse(cls, name: str) -> PartName | None:
        """What `name` says; `None` when it is not that of a recorded file."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        session_id, text, extension = found.groups()
        part = int(text.lstrip("abcdef"))
        return cls(int(session_id), part, extension) if part_text(part) == text else None


def part_text(part: int) -> str:
    """Part number as it stands in names: texts sort as the numbers do."""
    if not 0 <= part <= MAX_PART:
        raise ConfigurationError(f"part {part}, allowed is 0..{MAX_PART}")
    text = f"{part:0{MIN_DIGITS}d}"
    more = len(text) - MIN_DIGITS
    return text if not more else chr(ord("a") + more - 1) + text


def file_name(session_id: int, part: int, extension: str = ".h5") -> str:
    """Name of the file of one part."""
    return f"{session_id}_{part_text(part)}{extension}"


def session_directory(data_dir: Path, session_id: int, stream_id: str) -> Path:
    """Where the files of a session lie; `stream_id` as it came."""
    return data_dir / str(session_id)[:DAY_DIGITS] / safe_name(stream_id)


class Shelf:
    """The names that a stream has used in its data directories, as they are on the disk now.

    A directory that does not answer is passed over: the others can take files, and none that exists is
    ever written over. Where none of them answers, the methods raise `SinkError`.

    Parameters
    ----------
    data_dirs
        All in which files of the stream may lie.
    stream_id
        As it came.
    """

    def __init__(self, data_dirs: Sequence[Path], stream_id: str) -> None:
        self._data_dirs = list(data_dirs)
        self._stream_id = stream_id

    def next_part(self, session_id: int) -> int:
        """Number above those of all files of the session, 0 when there is none."""
        parts = [found.part for found in map(PartName.parse, self._names(session_id)) if found is not None]
        return max(parts, default=-1) + 1

    def is_taken(self, session_id: int) -> bool:
        """Whether anything is there under this id."""
        return bool(self._names(session_id))

    def _names(self, session_id: int) -> list[str]:
        starts = (f"{session_id}_", f"{session_id}.")
        return [name for name in self._all_names(session_id) if name.startswith(starts)]

    def _all_names(self, session_id: int) -> list[str]:
        names: list[str] = []
        refusals: list[str] = []
        for data_dir in self._data_dirs:
            directory = session_directory(data_dir, session_id, self._stream_id)
            try:
                names += [path.name for path in directory.iterdir()]
            except FileNotFoundError:
                continue
            except OSError as error:
                refusals.append(f"cannot look into {directory}: {error.strerror}")
        if refusals and len(refusals) == len(self._data_dirs):
            raise SinkError("; ".join(refusals))
        return names
