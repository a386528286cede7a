"""The sink that writes each session where its sender says: the built-in writer of the Tango device.

The start of a session says so in its metadata, under `FILE_KEY`::

    {"file": {"path": "/data/scan.h5", "existing": "suffix"}}

`existing` is `fail`, `suffix` or `overwrite`, or `append` for one more session in a file that was written
before. A session that says nothing is not written. A session that cannot be written is told and passed
over; the next one is another matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from receivers.hdf5.naming import ExistingFile
from receivers.hdf5.part_file import PartFile
from receivers.hdf5.space import check_directory
from receivers.hdf5.telling import TellingSink
from receivers.hdf5.writer import FLUSH_INTERVAL
from receivers.report import SessionReport
from xspress3.errors import ProtocolError, SinkError
from xspress3.stream import SessionStart

__all__ = ["APPEND", "FILE_KEY", "DirectedSink"]

FILE_KEY = "file"
APPEND = "append"
_POLICIES = (*(policy.value for policy in ExistingFile), APPEND)


class DirectedSink(TellingSink):
    """Writes where the sender says, and tells what becomes of it.

    Parameters
    ----------
    allowed
        Directories below which files may be made; empty allows all that this user may write to.
    tell
        Called with the events of `TellingSink`, and `refused` and `beside` (session_id, text).
    """

    def __init__(
        self,
        tell: Callable[..., None],
        allowed: Sequence[Path] = (),
        *,
        flush_interval: float = FLUSH_INTERVAL,
    ) -> None:
        super().__init__(tell, [], flush_interval=flush_interval)
        self._allowed = [path.resolve() for path in allowed]

    def begin(self, start: SessionStart) -> None:
        """Create the file that the start asks for, or go on with it; do nothing when it asks for none."""
        self._session_id = start.envelope.session_id or 0
        wanted = start.metadata.get(FILE_KEY)
        if wanted is None:
            return
        try:
            path, existing = self._understand(wanted)
            check_directory(path.parent)
            self._open_as(path, existing, start)
        except (SinkError, ProtocolError) as error:
            self._tell("refused", session_id=self._session_id, text=str(error))
            raise ProtocolError(str(error)) from error

    def _understand(self, wanted: Any) -> tuple[Path, str]:
        """Path and policy, checked: they came from the network."""
        path = wanted.get("path") if isinstance(wanted, dict) else None
        existing = wanted.get("existing", ExistingFile.SUFFIX.value) if isinstance(wanted, dict) else None
        if not isinstance(path, str) or existing not in _POLICIES or "\0" in path:
            raise ProtocolError(f"file: {wanted!r}, allowed is a path and one of {', '.join(_POLICIES)}")
        chosen = Path(path)
        if not chosen.is_absolute() or not chosen.name:
            raise SinkError(f"file {path!r}, allowed is an absolute path")
        real = chosen.parent.resolve() / chosen.name
        if self._allowed and not any(real.is_relative_to(root) for root in self._allowed):
            raise SinkError(f"file {path!r}, allowed is below {', '.join(map(str, self._allowed))}")
        return chosen, existing

    def _open_as(self, path: Path, existing: str, start: SessionStart) -> None:
        """Open as asked; the rest of a session whose first part another writer took gets its own file."""
        directories, name = [path.parent], path.name
        if start.is_repeat:
            existing = ExistingFile.SUFFIX.value
        if existing == APPEND and path.exists():
            try:
                self._open(directories, name, ExistingFile.FAIL, start, append=True)
                return
            except SinkError as error:
                if self.is_broken:
                    raise
                self._tell("beside", session_id=self._session_id, text=str(error))
        policy = ExistingFile.SUFFIX if existing == APPEND else ExistingFile(existing)
        self._open(directories, name, policy, start)

    def _opened(self, file: PartFile) -> None:
        if file.part:
            text = f"from frame {file.first_frame} on the session is written to {file.path}"
            self._tell("beside", session_id=self._session_id, text=text)

    def end(self, report: SessionReport) -> None:
        """Close the file and say so; no list of them is kept, for this sink lives long."""
        try:
            super().end(report)
        finally:
            self.finished.clear()
