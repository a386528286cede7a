"""Names of files: made from what the network says, never outside their directory, never twice."""

from __future__ import annotations

import itertools
import re
import stat
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from xspress3.errors import ConfigurationError, SinkError

__all__ = [
    "DEFAULT_PATTERN",
    "ExistingFile",
    "candidates",
    "check_pattern",
    "clear_way",
    "file_name",
    "part_name",
    "safe_name",
]

DEFAULT_PATTERN = "{stream_id}_{session_id}.h5"
EXTENSIONS = (".h5", ".hdf5", ".hdf", ".nxs")
MAX_NAME = 100
MAX_SUFFIX = 9999
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


class ExistingFile(str, Enum):
    """What to do when a file of that name is there already."""

    FAIL = "fail"
    SUFFIX = "suffix"
    """Take the next free of `scan_1.h5`, `scan_2.h5`, ..."""
    OVERWRITE = "overwrite"


def safe_name(said: str) -> str:
    """Part of a file name made of `said`: letters, digits and `._-`, neither empty nor hidden."""
    name = _UNSAFE.sub("_", said[:MAX_NAME])
    if name.startswith("."):
        name = "_" + name[1:]
    return name or "_"


def check_pattern(pattern: str) -> str:
    """Give `pattern` back when it makes names of files.

    Raises
    ------
    ConfigurationError
        When it holds a folder, is hidden, or has fields other than stream_id and session_id.
    """
    try:
        name = pattern.format(stream_id="x", session_id=1)
    except (LookupError, ValueError, AttributeError, TypeError) as error:
        raise ConfigurationError(
            f"file name pattern {pattern!r}: {error}; allowed fields are {{stream_id}} and {{session_id}}"
        ) from None
    if not name or name.startswith(".") or "/" in name or "\0" in name:
        raise ConfigurationError(
            f"file name pattern {pattern!r} makes {name!r}, allowed is a name without a folder and "
            "without a dot in front"
        )
    return pattern


def file_name(pattern: str, stream_id: str, session_id: int) -> str:
    """Name of the file of a session; `pattern` as of `check_pattern`, `stream_id` as it came."""
    return pattern.format(stream_id=safe_name(stream_id), session_id=session_id)


def part_name(name: str, part: int) -> str:
    """Name of a file of a session: `name` for the first one, behind it `scan_part001.h5` and so on."""
    if not part:
        return name
    stem, extension = _split(name)
    return f"{stem}_part{part:03d}{extension}"


def candidates(path: Path, policy: ExistingFile) -> Iterator[Path]:
    """Paths to try in turn, each to be opened so that it fails when the file exists."""
    yield path
    if policy is not ExistingFile.SUFFIX:
        return
    stem, extension = _split(path.name)
    for number in itertools.islice(itertools.count(1), MAX_SUFFIX):
        yield path.with_name(f"{stem}_{number}{extension}")


def _split(name: str) -> tuple[str, str]:
    """Stem and extension; only a known extension is one: the last part of `run_1.5` is not."""
    extension = Path(name).suffix
    return (name.removesuffix(extension), extension) if extension in EXTENSIONS else (name, "")


def clear_way(path: Path) -> None:
    """Remove the file `path`, if there is one, to make room for a new one.

    Raises
    ------
    SinkError
        When it is anything but a regular file, or cannot be removed.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise SinkError(f"cannot overwrite {path}: it is not a regular file")
        path.unlink()
    except FileNotFoundError:
        return
    except SinkError:
        raise
    except OSError as error:
        raise SinkError(f"cannot overwrite {path}: {error.strerror}") from error
