"""A thread with a name, a bounded end, and an error that is not forgotten."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from xspress3.errors import ShutdownTimeoutError

__all__ = ["Worker"]

logger = logging.getLogger(__name__)


class Worker:
    """Runs `target(stop)` in a thread until it returns; it must do so soon after `stop` is set.

    Parameters
    ----------
    on_failure
        Called from the thread with the exception that ended it.
    wake
        Called once `stop` is set, to end a wait of the target.
    """

    def __init__(
        self,
        name: str,
        target: Callable[[threading.Event], None],
        on_failure: Callable[[Exception], None],
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._stop = threading.Event()
        self._target = target
        self._on_failure = on_failure
        self._wake = wake
        self._thread = threading.Thread(target=self._run, name=name, daemon=False)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, timeout: float) -> None:
        """Ask for the end and wait for it; repeated calls do nothing.

        Raises
        ------
        ShutdownTimeoutError
            When the thread still runs after `timeout` s.
        """
        self._stop.set()
        self._wake()
        if not self._thread.ident:
            return
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise ShutdownTimeoutError(f"{self._thread.name} still runs after {timeout} s")

    def _run(self) -> None:
        try:
            self._target(self._stop)
        except Exception as error:
            # Whatever it was ends the session with a reason, and is raised by wait() and close().
            logger.exception("%s ended by an error", self._thread.name)
            self._on_failure(error)
