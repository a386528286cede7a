"""Which files belong to a session: by name, by the index, and where names do not tell, by looking in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from receivers.hdf5.naming import EXTENSIONS, safe_name
from receivers.recorder.names import PartName, session_directory
from receivers.sessions.index import SessionIndex, index_path
from receivers.sessions.part import sessions_in
from xspress3.errors import ConfigurationError

__all__ = ["G3_EXTENSION", "Found", "find_files", "sessions_below"]

G3_EXTENSION = ".g3"
_DAY = re.compile(r"\d{1,5}")


@dataclass(frozen=True)
class Found:
    """Paths of the files of a session, its index where there is a readable one, and what was odd."""

    paths: tuple[Path, ...]
    index: SessionIndex | None
    index_path: Path | None
    notes: tuple[str, ...]


def find_files(stream_id: str, session_id: int, base_dir: Path, also: Sequence[Path] = ()) -> Found:
    """The files of a session in the directories of a recorder, or, without folders, in `base_dir` itself.

    Parameters
    ----------
    base_dir
        The first data directory: the index lies there, and knows of files in others.
    also
        Other data directories, for when there is no index.

    Raises
    ------
    FileNotFoundError
        When there is no file of the session.
    """
    directory = session_directory(base_dir, session_id, stream_id)
    path = index_path(base_dir, stream_id, session_id)
    index, notes = _read_index(path, stream_id, session_id)
    paths = _in_order(_recorded_names(directory, session_id))
    elsewhere, unfound = _from_index(index, directory, paths)
    notes += [f"{name} is in the index and not there" for name in unfound]
    others = [session_directory(other, session_id, stream_id) for other in also]
    elsewhere += [path for other in others for path in _recorded_names(other, session_id)]
    paths = _in_order(list(dict.fromkeys([*paths, *elsewhere])))
    if not paths:
        paths = _in_order(_in_flat(base_dir, stream_id, session_id))
    if not paths:
        raise FileNotFoundError(
            f"no file of stream {stream_id!r}, session {session_id} in {directory} or {base_dir}"
            + "".join(f"; {note}" for note in notes)
        )
    is_recorded = any(other.is_dir() for other in (directory, *others))
    return Found(tuple(paths), index, path if is_recorded else None, tuple(notes))


def _read_index(path: Path, stream_id: str, session_id: int) -> tuple[SessionIndex | None, list[str]]:
    if not path.is_file():
        return None, []
    try:
        index = SessionIndex.read(path)
    except ConfigurationError as error:
        return None, [str(error)]
    if index.session_id != session_id or safe_name(index.stream_id) != safe_name(stream_id):
        return None, [f"{path} is the index of stream {index.stream_id!r}, session {index.session_id}"]
    return index, []


def _recorded_names(directory: Path, session_id: int) -> list[Path]:
    if not directory.is_dir():
        return []
    named = ((path, PartName.parse(path.name)) for path in directory.iterdir())
    return [path for path, said in named if said is not None and said.session_id == session_id]


def _from_index(
    index: SessionIndex | None, directory: Path, known: list[Path]
) -> tuple[list[Path], list[str]]:
    """Files that only the index knows, such as those on a second disk; and those that are not there."""
    named = [] if index is None else [directory / file.name for file in index.files]
    elsewhere = [path for path in named if path not in known and path.is_file()]
    return elsewhere, [str(path) for path in named if not path.is_file()]


def _in_flat(base_dir: Path, stream_id: str, session_id: int) -> list[Path]:
    """Files in `base_dir` itself: by name, else those that say that they hold the session."""
    stem = re.compile(re.escape(f"{safe_name(stream_id)}_{session_id}") + r"(_\d+)?(\.recovered)?")
    files = _hdf5_files(base_dir)
    named = [path for path in files if stem.fullmatch(path.name.removesuffix(path.suffix))]
    if named:
        return named
    wanted = (safe_name(stream_id), session_id)
    return [path for path in files if wanted in ((safe_name(s), i) for s, i in _sessions_or_none(path))]


def _hdf5_files(directory: Path) -> list[Path]:
    if not directory.is_dir():
        return []
    return [
        path
        for path in sorted(directory.iterdir())
        if path.suffix in EXTENSIONS and not path.name.startswith(".") and path.is_file()
    ]


def _sessions_or_none(path: Path) -> list[tuple[str, int]]:
    """Sessions of a file; none for a file of another program."""
    try:
        return sessions_in(path)
    except ConfigurationError:
        return []


def _in_order(paths: list[Path]) -> list[Path]:
    """By part, and as people count: scan_2 before scan_10."""
    return sorted(paths, key=lambda path: (_part_number(path.name), _natural(path.name)))


def _part_number(name: str) -> int:
    said = PartName.parse(name)
    return 0 if said is None else said.part


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sorts as numbers what is one, a name before the same with something behind it."""
    stem = name.removesuffix(Path(name).suffix)
    return [
        (1, int(one), "") if one.isdigit() else (0, 0, one) for one in re.findall(r"[0-9]+|[^0-9]+", stem)
    ]


def sessions_below(base_dir: Path) -> Iterator[tuple[str, int]]:
    """Stream id and session id of each session below `base_dir`, by the names of files where these tell.

    Stream ids are as names have them, see `receivers.hdf5.naming.safe_name`.
    """
    found: set[tuple[str, int]] = set()
    for day in sorted(base_dir.iterdir()):
        if _DAY.fullmatch(day.name) and day.is_dir():
            found.update(_sessions_of_day(day))
    for path in _hdf5_files(base_dir):
        found.update((safe_name(stream_id), session_id) for stream_id, session_id in _sessions_or_none(path))
    yield from sorted(found, key=lambda one: (one[1], one[0]))


def _sessions_of_day(day: Path) -> Iterator[tuple[str, int]]:
    for directory in sorted(day.iterdir()):
        if not directory.is_dir():
            continue
        for path in directory.iterdir():
            said = PartName.parse(path.name)
            # A file that lies in the wrong place is not found by its id, so it is no session here.
            if said is not None and str(said.session_id)[:5] == day.name:
                yield directory.name, said.session_id
