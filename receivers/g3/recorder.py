"""Records what one sender of G3 frames sends, for ever."""

from __future__ import annotations

import logging
from collections.abc import Callable

from receivers.g3.loop import G3Loop
from receivers.g3.source import G3Source
from receivers.recorder.options import Options
from receivers.recorder.status import StreamStatus
from xspress3.worker import Worker

__all__ = ["G3Recorder"]

logger = logging.getLogger(__name__)


class G3Recorder:
    """Connects, again and again, and files what comes, in a thread of its own::

        with G3Recorder(G3Source("127.0.0.1", 4536), Options((Path("/data"),))) as recorder:
            recorder.start()
            print(recorder.status().as_dict())
            recorder.stop()

    Parameters
    ----------
    notify
        Called from the thread with a line about whatever somebody should know.
    """

    def __init__(
        self, source: G3Source, options: Options, notify: Callable[[str], None] = logger.warning
    ) -> None:
        self.is_broken = False
        """Never: what is written here knows no HDF5."""
        self._name = f"record-{source.host}:{source.port}"
        self._loop = G3Loop(source, options, notify)
        self._worker: Worker | None = None
        self._error: Exception | None = None

    def __enter__(self) -> G3Recorder:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def is_recording(self) -> bool:
        """Whether it was started, and not stopped."""
        return self._worker is not None

    def start(self) -> None:
        """Begin to record; does nothing when it does already."""
        if self._worker is None:
            self._worker = Worker(self._name, self._loop.run, self._failed)
            self._worker.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Close the connection and the file, then raise what the thread died of.

        Raises
        ------
        ShutdownTimeoutError
            When that takes longer than `timeout` seconds, as with a disk or a name server that hangs.
        """
        if self._worker is not None:
            self._worker.close(timeout)
            self._worker = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def close(self) -> None:
        """As `stop`; a second call does nothing."""
        self.stop()

    def status(self) -> StreamStatus:
        """What it is doing; not much older than a quarter of a second while it records."""
        return self._loop.status

    def _failed(self, error: Exception) -> None:
        self._error = error  # raised by stop()
