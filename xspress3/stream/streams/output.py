"""The sending end of a stream of samples."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy.typing as npt
import zmq

from xspress3.errors import StateError, StreamTimeoutError
from xspress3.stream.messages import EndReason
from xspress3.stream.publisher import ReaderStatus
from xspress3.stream.streams.borrowing import abandon, lend, send_lent
from xspress3.stream.streams.chunk_sender import GATHER_TIME, LEFT_OUT, STREAM, ChunkSender
from xspress3.stream.streams.filters import FilterFunction
from xspress3.stream.streams.links import public_key
from xspress3.stream.streams.options import StreamOptions
from xspress3.stream.streams.preparing import prepare
from xspress3.worker import Worker

__all__ = ["LEFT_OUT", "STREAM", "OutputStream"]

_TICK = 0.02
"""Seconds that a reader waits for the answer to its joining, and a chunk beyond its age."""


class OutputStream:
    """Sends arrays whose first axis is time, to any number of readers::

        output = OutputStream()
        output.configure(protocol="tcp", dtype="float32", shape=(-1, 16), sample_rate=1e4)
        input.connect(output)
        output.send(samples)

    What is sent goes through `filters`, then `scale` and `offset`, is gathered to chunks, and leaves. An
    array belongs to its readers from then on and must not be changed, unless `copy=True` was configured
    or it goes by shared memory. Any thread may send, one at a time.

    Parameters
    ----------
    spec
        Options that `configure` may not choose otherwise.
    node
        Whose stream it is; its method `after_output_configure(name)` is called, where it has one.
    name
        Of the stream.

    Attributes
    ----------
    params
        All options, and where readers find the stream: plain values, for readers elsewhere.
    filters
        Functions of an array that each chunk passes before it is sent; see `filters`.
    last_index
        Number of the sample after the last one that was sent.
    """

    def __init__(
        self, spec: Mapping[str, Any] | None = None, node: Any = None, name: str | None = None
    ) -> None:
        self.spec: dict[str, Any] = dict(spec or {})
        self.name = name
        self.params: dict[str, Any] = {}
        self.filters: list[FilterFunction] = []
        self._node = None if node is None else weakref.ref(node)
        self._lock = threading.RLock()  # guards all below
        self._given_back = threading.Condition(self._lock)
        self._borrower: int | None = None  # thread that fills memory of the stream, without the lock
        self._is_closing = False
        self._scaling: FilterFunction | None = None
        self._sender: ChunkSender | None = None
        self._ticker: Worker | None = None
        self._error: Exception | None = None
        self._last_index = 0
        self._hurry = threading.Event()  # wakes the ticker: something was gathered

    @property
    def configured(self) -> bool:
        """Whether readers can connect."""
        return self._sender is not None

    @property
    def last_index(self) -> int:
        """Number of the sample after the last one that was sent."""
        return self._last_index if self._sender is None else self._sender.last_index

    @property
    def node(self) -> Any:
        """Whose stream it is."""
        return None if self._node is None else self._node()

    @property
    def url(self) -> str:
        """Where readers find it."""
        return self._need_sender().link.endpoint

    @property
    def readers(self) -> list[ReaderStatus]:
        """Who reads, under which contract, and how far behind; also while `send` waits for one of them."""
        return self._need_sender().link.readers

    def configure(self, **options: Any) -> None:
        """Choose, listen, and begin; see `StreamOptions` for all that can be chosen.

        Raises
        ------
        ConfigurationError
            For what there is not, cannot be, or is fixed; nothing was opened.
        StateError
            When it was configured and not closed.
        """
        with self._lock:
            if self._sender is not None:
                raise StateError("configure of a stream that is, allowed once until it is closed")
            chosen = StreamOptions.parse(
                {**({"name": self.name} if self.name else {}), **self.spec}, **options
            )
            self._open(chosen)
        node = self.node
        if node is not None and hasattr(node, "after_output_configure"):
            node.after_output_configure(self.name)

    def _open(self, options: StreamOptions) -> None:
        self._is_closing = False
        self._scaling = options.scaling()
        sender = ChunkSender(options)
        try:
            self.params = {
                **options.to_params(),
                "curve_public_key": public_key(options),
                "url": sender.link.endpoint,
            }
            sender.begin(self.params, self._patience(options.linger))
        except BaseException:
            sender.close()
            raise
        self._sender = sender
        self._ticker = Worker(
            f"stream-{options.name or 'output'}", self._tick, self._tick_failed, self._hurry.set
        )
        self._ticker.start()

    def send(self, data: Any, index: int | None = None, *, timeout: float | None = None) -> None:
        """Send samples.

        Parameters
        ----------
        data
            Array of the stream's dtype, shape (n_samples, ...), or bytes of it.
        index
            Number of the sample after the last of `data`, when samples were left out; readers are told.
        timeout
            Seconds to wait for readers that must not miss anything; `None` for ever.

        Raises
        ------
        ConfigurationError
            For another type or shape, or an index that goes back; nothing was sent.
        StreamTimeoutError
            When a reader had no room in time; nothing of `data` was taken, and no reader has any of it.
        StateError
            Before `configure` and after `close`.
        """
        with self._lock:
            sender = self._sender
            if sender is not None and index is None and self._is_plain and sender.send_short(data):
                return
            give_up = self._patience(timeout)
            sender = self._wait_turn(give_up)
            self._raise_error()
            array = prepare(data, sender.options, self._stages)
            if not len(array):
                return
            try:
                if sender.pending:
                    sender.send_pending(give_up)
                if index is None and sender.send_at_once(array, give_up):
                    if sender.gatherer.n_samples:
                        self._hurry.set()
                    return
                sender.send_gathered(give_up)
            except zmq.Again:
                raise self._gave_up() from None
            sender.add(array, index)
            with suppress(StreamTimeoutError):  # they were taken: the next call waits for their turn
                self._patiently(lambda: sender.send_pending(give_up))

    @property
    def _stages(self) -> list[FilterFunction]:
        """What arrays go through."""
        return self.filters if self._scaling is None else [*self.filters, self._scaling]

    @property
    def _is_plain(self) -> bool:
        """Whether arrays go through nothing, wait for nobody, and nothing has failed that is to be raised."""
        return not (self.filters or self._scaling or self._error or self._borrower)

    def flush(self, timeout: float | None = None) -> None:
        """Send what waits to fill a chunk; after a `StreamTimeoutError` it goes on waiting."""
        with self._lock:
            give_up = self._patience(timeout)
            sender = self._wait_turn(give_up)
            self._flush(sender, give_up)

    def _flush(self, sender: ChunkSender, give_up: Callable[[], bool]) -> None:
        self._patiently(lambda: sender.send_gathered(give_up))
        sender.flush()
        self._patiently(lambda: sender.send_pending(give_up))

    @contextmanager
    def borrow(self, n_samples: int, timeout: float | None = None) -> Iterator[npt.NDArray[Any]]:
        """Memory of the stream itself, to be filled and sent when the block ends; nothing is copied.

        For `transfermode="sharedmem"` without filters, scale and offset, which could not be applied. An
        error inside sends nothing. The array must not be written any more once the block has ended.
        Meanwhile readers get signs of life, and other threads that want to send wait for their turn.
        """
        give_up = self._patience(timeout)
        with self._lock:
            array = self._lend(n_samples, give_up)
        try:
            yield array
        except BaseException:
            self._take_back(array, is_wanted=False)
            raise
        self._take_back(array, is_wanted=True)

    def _lend(self, n_samples: int, give_up: Callable[[], bool]) -> npt.NDArray[Any]:
        sender = self._wait_turn(give_up)
        if self.filters or self._scaling is not None:
            raise StateError("borrow of a stream with filters or scale and offset, allowed are none")
        self._flush(sender, give_up)
        array: npt.NDArray[Any] = self._patiently(lambda: lend(sender, n_samples, give_up))
        self._borrower = threading.get_ident()
        return array

    def _take_back(self, array: npt.NDArray[Any], is_wanted: bool) -> None:
        """Send what was borrowed, or forget it; whoever waits has its turn."""
        array.flags.writeable = False
        with self._lock:
            is_still_lent = self._borrower is not None
            self._borrower = None
            self._given_back.notify_all()
            if is_wanted and not is_still_lent:
                raise StateError("the stream was closed while its memory was borrowed: nothing was sent")
            if is_wanted:
                send_lent(self._need_sender(), array)
            elif is_still_lent:
                abandon(self._need_sender())

    def reset_buffer_index(self) -> None:
        """Begin to number samples at 0 again; readers are told."""
        with self._lock:
            sender = self._wait_turn(self._closes)
            self._end(EndReason.RESTARTED, "numbers begin at 0 again")
            sender.chunker.reset_index()
            give_up = self._patience(sender.options.linger)
            self._patiently(lambda: sender.begin(self.params, give_up))

    def close(self) -> None:
        """Send what waits, tell readers that it was all, and close; a second call does nothing.

        Raises
        ------
        Exception
            What sending in the background failed with, unless `send` has raised it.
        """
        self._is_closing = True  # without the lock: a send that waits shall give up
        self._wait_given_back()
        if self._ticker is not None:
            self._ticker.close(10.0)
        with self._lock:
            sender, self._ticker = self._sender, None
            if sender is None:
                return
            try:
                self._say_farewell()
            finally:
                self._last_index, self._sender = sender.last_index, None
                self._is_closing = True
                sender.close()
            self._raise_error()

    def __enter__(self) -> OutputStream:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _end(self, reason: EndReason, text: str) -> None:
        sender = self._need_sender()
        self.flush(sender.options.linger)
        give_up = self._patience(sender.options.linger)
        self._patiently(lambda: sender.end(reason, text, give_up))

    def _say_farewell(self) -> None:
        self._is_closing = False
        try:
            self._end(EndReason.COMPLETE, "closed")
        except StreamTimeoutError as error:
            self._error = self._error or error

    # Waiting

    def _wait_turn(self, give_up: Callable[[], bool]) -> ChunkSender:
        """The sender, once nobody borrows its memory any more; waits without the lock."""
        while self._borrower is not None:
            if self._borrower == threading.get_ident():
                raise StateError("memory of the stream is borrowed here, allowed once it was given back")
            if give_up():
                raise self._gave_up()
            self._given_back.wait(_TICK)
        return self._need_sender()

    def _wait_given_back(self) -> None:
        """Let another thread send what it borrows; what this one borrows is not sent any more."""
        with self._lock:
            while self._borrower not in (None, threading.get_ident()):
                self._given_back.wait(_TICK)
            if self._borrower is not None:
                self._borrower = None
                abandon(self._need_sender())

    def _patience(self, timeout: float | None) -> Callable[[], bool]:
        """Says when to wait no longer."""
        if timeout is None:
            return self._closes
        deadline = time.monotonic() + timeout
        return lambda: self._is_closing or time.monotonic() >= deadline

    def _closes(self) -> bool:
        return self._is_closing

    def _patiently(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except zmq.Again:
            raise self._gave_up() from None

    def _gave_up(self) -> Exception:
        if self._is_closing:
            return StateError(f"stream {self.name or ''} was closed while a reader was waited for")
        slow = ", ".join(reader.name for reader in self.readers if reader.contract == "lossless")
        return StreamTimeoutError(f"readers that must not miss anything have no room: {slow}")

    # In the background

    def _tick(self, stop: threading.Event) -> None:
        """Hear readers, give signs of life, send chunks whose time has come.

        It ends with the main thread too: a program that failed before `close` shall not hang.
        """
        main = threading.main_thread()
        while not stop.is_set() and main.is_alive():
            if self._hurry.wait(_TICK):
                self._hurry.clear()
                stop.wait(GATHER_TIME)
            with self._lock:
                sender = self._sender
                if sender is None:
                    return
                sender.link.serve()
                sender.take_due()
                # Not to be waited for here: who sends meanwhile shall be able to give up.
                with suppress(zmq.Again):
                    if sender.is_gathered_due:
                        sender.send_gathered(lambda: True)
                    sender.send_pending(lambda: True)

    def _tick_failed(self, error: Exception) -> None:
        self._error = error

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _need_sender(self) -> ChunkSender:
        if self._sender is None:
            raise StateError("the stream is not configured, or was closed")
        return self._sender
