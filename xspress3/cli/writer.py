"""The writer that `xspress3 serve --write` starts: a process of its own, missed when it dies.

A crash of a file library or a disk that hangs must not touch the acquisition; so the writer is
`xspress3-receiver write`, which knows only the stream.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from xspress3.errors import SinkError
from xspress3.streamer import Written

__all__ = ["WRITER", "Writer"]

logger = logging.getLogger(__name__)

WRITER = "writer"
"""Name under which it joins the stream."""
CLOSE_TIMEOUT = 60.0
"""Seconds that it may take for what it has been sent and for its file."""
LISTEN_TIMEOUT = 2.0
"""Seconds in which what it has said is read when it has ended."""
_ANY_HOST = ("0.0.0.0", "*", "::")  # noqa: S104  # what is listened on, not what is bound here


class Writer:
    """Writes sessions to files while `serve` streams them::

        with Writer(["/data"], tell) as writer:
            writer.start("tcp://127.0.0.1:9999", streamer.note_written)
            ...
            writer.look()

    Parameters
    ----------
    directories
        Where files go; without any there is no writer.
    tell
        Takes events and their values.
    """

    def __init__(self, directories: Sequence[str], tell: Callable[..., None]) -> None:
        self._directories = directories
        self._tell = tell
        self._process: subprocess.Popen[str] | None = None
        self._listener: threading.Thread | None = None
        self._results: list[str] = []
        self._is_told = False
        self.exit_code = 0

    @property
    def is_wanted(self) -> bool:
        """Whether there shall be one."""
        return bool(self._directories)

    @property
    def is_dead(self) -> bool:
        """Whether it has ended before it was told to."""
        return self._process is not None and self._process.poll() is not None

    def start(self, endpoint: str, note_written: Callable[[int, Written], None]) -> None:
        """Start it, if it is wanted, as reader of `endpoint`.

        `note_written` is called from a thread with the session and what is written of it.
        """
        if not self.is_wanted:
            return
        url = urlsplit(endpoint)
        host = "127.0.0.1" if url.hostname in (None, *_ANY_HOST) else url.hostname
        command = [sys.executable, "-m", "receivers.cli", "write", "--quiet", "--events", "--while-stdin"]
        command += ["--name", WRITER, "--host", str(host), "--port", str(url.port)]
        for directory in self._directories:
            command += ["--directory", directory]
        # A session of its own: Ctrl-C in a terminal is for the server, which still has frames to send.
        self._process = subprocess.Popen(  # noqa: S603  # our own program
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._listener = threading.Thread(
            target=self._listen, args=(self._process, note_written), name="xsp3-writer-out"
        )
        self._listener.start()

    def _listen(self, process: subprocess.Popen[str], note_written: Callable[[int, Written], None]) -> None:
        """Hand on what it says, to its end."""
        assert process.stdout is not None
        path = ""
        with process.stdout as lines:
            for line in lines:
                told = _event(line)
                path = told.get("path", path)
                if told.get("event") == "result":
                    self._results.append(told["text"])
                elif "session_id" in told:
                    note_written(told["session_id"], Written(told.get("written", 0), path))

    def require(self) -> None:
        """Raise `SinkError` when it is dead: before the first frame that is an error, later only news."""
        if self._process is not None and self.is_dead:
            raise SinkError(f"the writer, process {self._process.pid}, ended with {self._process.returncode}")

    def look(self) -> None:
        """Tell, once, when it has died."""
        if self._process is not None and self.is_dead and not self._is_told:
            self._is_told = True
            self._tell("writer died", pid=self._process.pid, exit_code=self._process.returncode)

    def close(self) -> None:
        """Let it finish its file and end, tell what it wrote; kill it when that takes too long."""
        process, self._process = self._process, None
        if process is None:
            return
        was_dead = process.poll() is not None
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(CLOSE_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._listener is not None:
            self._listener.join(LISTEN_TIMEOUT)
        for line in self._results:
            self._tell("written", text=line)
        self.exit_code = SinkError.exit_code if was_dead or process.returncode < 0 else process.returncode

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _event(line: str) -> dict[str, Any]:
    """What the writer says in a line; nothing when it is a library that speaks."""
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        logger.warning("the writer said %r", line[:200])
        return {}
    return told
