"""Settings and state of a session in short, without its data."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from receivers.sessions.find import G3_EXTENSION, Found, find_files
from receivers.sessions.g3 import g3_index, is_g3, needs_g3
from receivers.sessions.index import IndexState, SessionIndex
from receivers.sessions.part import Settings, read_settings
from receivers.sessions.session import read_session
from xspress3.errors import ConfigurationError, ProtocolError

__all__ = ["SessionStatus", "load_session_status"]


@dataclass(frozen=True)
class SessionStatus:
    """A session in short.

    Parameters
    ----------
    index
        State, counts, what is missing, and the files.
    settings
        What the sender said at its start: acquisition, detector, metadata; and versions of programs.
    windows
        For each channel two (low, high), `None` where the sender did not say.
    is_from_index
        Whether counts and state are those of the index; else they come from the files.
    """

    index: SessionIndex
    settings: Settings
    windows: list[Any] | None
    is_from_index: bool

    @property
    def state(self) -> IndexState:
        """What became of the session."""
        return self.index.state

    @property
    def acquisition(self) -> dict[str, Any]:
        """Times, triggers and frames that were asked for."""
        return self.settings.acquisition

    @property
    def detector(self) -> dict[str, Any]:
        """What the detector is, and how it was set up."""
        return self.settings.detector

    @property
    def metadata(self) -> dict[str, Any]:
        """What the user said."""
        return self.settings.metadata

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            **self.index.as_dict(),
            **dataclasses.asdict(self.settings),
            "windows": self.windows,
            "is_from_index": self.is_from_index,
        }


def load_session_status(stream_id: str, session_id: int, base_dir: Path | str) -> SessionStatus:
    """Settings and state of a session: counts from its index where it has one, settings from its first file.

    Raises
    ------
    FileNotFoundError
        When there is no file of the session.
    ConfigurationError
        When none can be read.
    """
    base_dir = Path(base_dir)
    found = find_files(stream_id, int(session_id), base_dir)
    index = found.index
    if is_g3(found):
        return _g3_status(found)
    if index is None:
        index = read_session(stream_id, int(session_id), base_dir).as_index()
    settings = _first_settings(found)
    windows = settings.detector.get("windows")
    return SessionStatus(
        index, settings, windows if isinstance(windows, list) else None, found.index is not None
    )


def _g3_status(found: Found) -> SessionStatus:
    """Of a session of G3 frames: its status is the detector, its observation the metadata."""
    index = g3_index(found)
    with needs_g3():
        from receivers.g3.status import read_status  # noqa: PLC0415  # an extra
    try:
        said = read_status(found.paths[0])
    except (ProtocolError, OSError) as error:
        raise ConfigurationError(f"cannot read {found.paths[0]}: {error}") from error
    settings = Settings(index.stream_id, "", {}, said["status"], said["observation"], {})
    return SessionStatus(index, settings, None, True)


def _first_settings(found: Found) -> Settings:
    """Of the first file that can be read: all tell the same."""
    refusals = []
    for path in found.paths:
        if path.suffix == G3_EXTENSION:
            continue
        try:
            return read_settings(path)
        except ConfigurationError as error:
            refusals.append(str(error))
    raise ConfigurationError("; ".join(refusals) or "none of its files is HDF5")
