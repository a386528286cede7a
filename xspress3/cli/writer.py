"""The writer that `xspress3 serve --write` starts: a process of its own, missed when it dies.

A crash of a file library or a disk that hangs must not touch the acquisition; so the writer is
`xspress3-receiver write`, which knows only the stream.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from xspress3.errors import SinkError

__all__ = ["WRITER", "Writer"]

WRITER = "writer"
"""Name under which it joins the stream."""
CLOSE_TIMEOUT = 60.0
"""Seconds that it may take for what it has been sent and for its file."""
_ANY_HOST = ("0.0.0.0", "*", "::")  # noqa: S104  # what is listened on, not what is bound here


class Writer:
    """Writes sessions to files while `serve` streams them::

        with Writer(["/data"], tell) as writer:
            writer.start("tcp://127.0.0.1:9999")
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

    def start(self, endpoint: str) -> None:
        """Start it, if it is wanted, as reader of `endpoint`."""
        if not self.is_wanted:
            return
        url = urlsplit(endpoint)
        host = "127.0.0.1" if url.hostname in (None, *_ANY_HOST) else url.hostname
        command = [sys.executable, "-m", "receivers.cli", "write", "--quiet", "--while-stdin"]
        command += ["--name", WRITER, "--host", str(host), "--port", str(url.port)]
        for directory in self._directories:
            command += ["--directory", directory]
        # A session of its own: Ctrl-C in a terminal is for the server, which still has frames to send.
        self._process = subprocess.Popen(  # noqa: S603  # our own program
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

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
        try:
            output, _ = process.communicate(timeout=CLOSE_TIMEOUT)  # also closes its standard input
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        for line in output.splitlines():
            self._tell("written", text=line)
        self.exit_code = SinkError.exit_code if was_dead or process.returncode < 0 else process.returncode

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
