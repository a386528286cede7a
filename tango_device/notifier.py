"""One thread that tells clients what changed, so that nothing else ever waits for them.

A thread that pushes Tango events waits for the device's monitor, which a command may hold; whoever
waits for such a thread in a command waits for ever. So all others only leave word here.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

__all__ = ["Notifier"]

logger = logging.getLogger(__name__)


class Notifier:
    """Hands the newest value of each name to `push`, from a thread of its own::

        notifier = Notifier(push, interval=0.1)
        notifier.put("nFramesAcquired", 5)

    Parameters
    ----------
    push
        Called with a name and its value. An error is logged, and is no reason to end.
    interval
        Shortest time, in s, between two rounds of pushes.
    surroundings
        Makes the context in which the thread runs.
    """

    def __init__(
        self,
        push: Callable[[str, Any], None],
        interval: float = 0.1,
        surroundings: Callable[[], AbstractContextManager[Any]] = contextlib.nullcontext,
    ) -> None:
        self._push = push
        self._interval = interval
        self._surroundings = surroundings
        self._changed = threading.Condition()  # guards _waiting and _is_closed
        self._waiting: dict[str, Any] = {}
        self._is_closed = False
        self._pause = threading.Event()
        self._thread = threading.Thread(target=self._run, name="xsp3-notify")
        self._thread.start()

    def put(self, name: str, value: Any, urgent: bool = False) -> None:
        """Push `value` soon, unless a newer one comes before; `urgent` does not wait for the interval."""
        with self._changed:
            self._waiting[name] = value
            self._changed.notify()
        if urgent:
            self._pause.set()

    def _run(self) -> None:
        with self._surroundings():
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._waiting or self._is_closed)
                    self._pause.clear()
                    values, self._waiting = self._waiting, {}
                    if self._is_closed:
                        return
                for name, value in values.items():
                    self._push_one(name, value)
                self._pause.wait(self._interval)

    def _push_one(self, name: str, value: Any) -> None:
        try:
            self._push(name, value)
        except Exception as error:  # of one client or one value; the others shall hear theirs
            logger.debug("event of %s: %s", name, error)

    def close(self, timeout: float = 5.0) -> None:
        """End the thread; what waits is not pushed. A second call does nothing."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._pause.set()
        self._thread.join(timeout)
