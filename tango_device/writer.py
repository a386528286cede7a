"""The built-in writer: a process of its own that is started, listened to, and missed when it dies."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import IO, Any

from tango_device.errors import WriterError

__all__ = ["WriterProcess", "WriterState", "WriterStatus"]

logger = logging.getLogger(__name__)

_FLUSH_INTERVAL = 0.25
"""Seconds; frames count as written when they were flushed, and clients follow that number."""
_CLOSE_TIMEOUT = 10.0
_KILL_TIMEOUT = 2.0
_LAST_LINES = 3


class WriterState(str, Enum):
    """What the writer does."""

    STARTING = "starting"
    IDLE = "idle"
    WRITING = "writing"
    DEAD = "dead"
    CLOSED = "closed"


@dataclass(frozen=True)
class WriterStatus:
    """What the writer does, and about the last session it was asked to write."""

    state: WriterState = WriterState.STARTING
    session_id: int | None = None
    path: str = ""
    written: int = 0
    ended: bool = False
    """Whether that session's file is closed, or there will be none."""
    error: str = ""


class WriterProcess:
    """Writes what the sessions at `port` ask for; see `receivers.hdf5.directed`::

        with WriterProcess(port, on_change=wake) as writer:
            writer.wait_joined(10)

    Parameters
    ----------
    allowed
        Directories below which files may be made; empty for all.
    on_change
        Called from a thread whenever `status` has changed.
    """

    def __init__(
        self,
        port: int,
        on_change: Callable[[], None],
        allowed: Sequence[Path] = (),
        host: str = "127.0.0.1",
        keys: tuple[Path, Path] | None = None,
    ) -> None:
        self._on_change = on_change
        self._lock = threading.Lock()  # guards _status
        self._status = WriterStatus()
        self._joined = threading.Event()
        self._is_closing = False
        self._last_words: list[str] = []
        self._process = self._start(host, port, allowed, keys)
        self._threads = [
            threading.Thread(target=self._listen, name="xsp3-writer-out"),
            threading.Thread(target=self._keep_words, name="xsp3-writer-err"),
        ]
        for thread in self._threads:
            thread.start()

    def _start(
        self, host: str, port: int, allowed: Sequence[Path], keys: tuple[Path, Path] | None
    ) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "receivers.cli", "write", "--follow", "--while-stdin", "--quiet"]
        command += ["--host", host, "--port", str(port)]
        command += ["--flush-interval", str(_FLUSH_INTERVAL)]
        if keys is not None:
            command += ["--key", str(keys[0]), "--server-key", str(keys[1])]
        for path in allowed:
            command += ["--allow", str(path)]
        # A session of its own: Ctrl-C in a terminal is for the device, which still has frames to send.
        return subprocess.Popen(  # noqa: S603  # our own program
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def status(self) -> WriterStatus:
        """What it does now."""
        with self._lock:
            return self._status

    def wait_joined(self, timeout: float) -> None:
        """Wait until it takes part in the stream.

        Raises
        ------
        WriterError
            When it has died, or has not joined within `timeout` s.
        """
        is_joined = self._joined.wait(timeout)
        status = self.status
        if status.state is WriterState.DEAD:
            raise WriterError(status.error)
        if not is_joined:
            raise WriterError(f"the writer, process {self.pid}, has not joined the stream within {timeout} s")

    def expect(self, session_id: int) -> None:
        """A session has begun that it is to write."""
        with self._lock:
            if self._status.session_id != session_id:  # else it was faster
                self._status = replace(
                    self._status, session_id=session_id, path="", written=0, ended=False, error=""
                )

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._handle(line)
        for thread in self._threads[1:]:
            thread.join(_KILL_TIMEOUT)
        code = self._process.wait()
        if self._is_closing:
            self._change(state=WriterState.CLOSED)
        else:
            words = " / ".join(self._last_words) or "it said nothing"
            self._change(
                state=WriterState.DEAD,
                error=f"the writer, process {self.pid}, died with exit code {code}: {words}",
            )
            logger.error("%s", self.status.error)
        self._joined.set()

    def _handle(self, line: str) -> None:
        try:
            told: dict[str, Any] = json.loads(line)
            event = told.pop("event")
        except (ValueError, KeyError):
            logger.warning("the writer said %r", line[:200])
            return
        if event == "joined":
            self._change(state=WriterState.IDLE)
            self._joined.set()
        elif event in ("begin", "progress", "end", "refused"):
            self._of_session(event, told)
        elif "text" in told:
            logger.warning("writer: %s: %s", event, told["text"])

    def _of_session(self, event: str, told: dict[str, Any]) -> None:
        session_id = told["session_id"]
        if event == "begin":
            self._change(
                state=WriterState.WRITING,
                session_id=session_id,
                path=told["path"],
                written=0,
                ended=False,
                error="",
            )
        elif event == "progress":
            self._change(written=told["written"])
        elif event == "end":
            self._change(state=WriterState.IDLE, path=told["path"], written=told["written"], ended=True)
        else:
            self._change(session_id=session_id, ended=True, error=told["text"])

    def _change(self, **changes: Any) -> None:
        with self._lock:
            self._status = replace(self._status, **changes)
        self._on_change()

    def _keep_words(self) -> None:
        stderr: IO[str] | None = self._process.stderr
        assert stderr is not None
        for line in stderr:
            logger.info("writer: %s", line.rstrip())
            self._last_words = [*self._last_words, line.strip()][-_LAST_LINES:]

    def close(self, timeout: float = _CLOSE_TIMEOUT) -> None:
        """Let it close its file and end; it is killed when that takes longer than `timeout` s."""
        self._is_closing = True
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            logger.error("the writer, process %d, did not end within %s s and is killed", self.pid, timeout)
            self._process.kill()
        for thread in self._threads:
            thread.join(_KILL_TIMEOUT)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> WriterProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
