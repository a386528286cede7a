"""Numbers for sessions that are never given twice, also when the program is started again.

A number is the Unix time in seconds or, when sessions are shorter than that, one more than the one
before. The last one is kept in a small file for each stream id, in the folder `xspress3-streamer` of
`XDG_STATE_HOME`, by default `~/.local/state`.
"""

from __future__ import annotations

import logging
import os
import re
import time
from pathlib import Path

__all__ = ["SessionIds"]

logger = logging.getLogger(__name__)

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


class SessionIds:
    """Gives numbers for the sessions of one stream."""

    def __init__(self, stream_id: str) -> None:
        state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        name = "session-" + _UNSAFE.sub("_", stream_id)[:100]
        self._path = Path(state).expanduser() / "xspress3-streamer" / name
        self._last = 0
        self._can_write = True

    def next(self) -> int:
        """A new number: more than any before, of this program or another with the same stream id."""
        self._last = max(self._last + 1, self._read() + 1, int(time.time()))
        self._write()
        return self._last

    def _read(self) -> int:
        try:
            return int(self._path.read_text())
        except (OSError, ValueError):
            return 0

    def _write(self) -> None:
        """Keep the number; where that cannot be, sessions go on and the clock must do."""
        if not self._can_write:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft = self._path.with_suffix(f".{os.getpid()}")
            draft.write_text(str(self._last))
            draft.replace(self._path)
        except OSError as error:
            self._can_write = False
            logger.warning("the last session number cannot be kept in %s: %s", self._path, error)
