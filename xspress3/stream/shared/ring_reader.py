"""The ends of a slot ring that read."""

from __future__ import annotations

import os
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError
from xspress3.stream.contract import LOSSLESS, Contract
from xspress3.stream.shared._library import CONTRACT_NAMES, OK, TIMEOUT, again, error_of, ffi, library, shut
from xspress3.stream.shared.ledger import EndedSession, read_ended
from xspress3.stream.shared.records import RECORD, Record
from xspress3.stream.shared.segment import SharedMem

__all__ = ["RingReader"]

_STARTS = ("next", "newest", "oldest")


class RingReader:
    """One of the ends that read::

        with RingReader(ring_id, "writer of files") as reader:
            while (record := reader.read(timeout=1.0)) is not None:
                with record:
                    ...

    One thread reads; `release` and `close` may come from any. A wait ends with `StateError` at `close`.

    Parameters
    ----------
    ring_id
        As the writer has it.
    name
        To be named by when the writer waits; up to 63 bytes.
    contract
        `lossless`, `latest` (the newest block, and all messages) or `every:N` (blocks that hold a frame whose
        number is a multiple of N, and all messages).
    start
        Where to begin: at the `newest` record, the `oldest` that is there, or the `next` that comes.
    beside
        A reader of the same ring, not closed; through it the ring is found also when its writer is gone.

    Raises
    ------
    ConfigurationError
        When an argument cannot be.
    SharedMemoryError
        When there is no such ring.
    ProtocolError
        When there is something else in its place.
    StreamError
        When 32 readers are there already.
    """

    def __init__(
        self,
        ring_id: str,
        name: str,
        contract: str | Contract = LOSSLESS,
        start: str = "newest",
        *,
        beside: RingReader | None = None,
    ) -> None:
        agreed = Contract.parse(contract)
        kind, step = CONTRACT_NAMES.index(agreed.delivery.value), agreed.step
        if start not in _STARTS or not 0 < len(name.encode()) < library().X3R_NAME_CHARS:
            raise ConfigurationError(
                f"reader {name[:80]!r}, start={start!r}, allowed are 1..63 bytes and {_STARTS}"
            )
        self._lib = library()
        self.name, self.contract, self.ring_id = name, agreed, ring_id
        self._what = f"ring {ring_id} of reader {name}"
        self._pool: list[npt.NDArray[np.uint8]] | None = None if kind == self._lib.X3R_LOSSLESS else []
        data, control = _attach(ring_id) if beside is None else beside._attach_again()
        try:
            pins = (ffi.from_buffer(data.buffer), ffi.from_buffer(control.buffer))
            self._reader = self._sit_down(data, control, pins, (kind, step, _STARTS.index(start)))
        except BaseException:
            data.close()
            control.close()
            raise
        self._data: memoryview | None = data.buffer
        self._memories: tuple[SharedMem, SharedMem] | None = data, control
        self.address: int = int(ffi.cast("uintptr_t", pins[0]))
        """Where the memory of the ring begins in this process."""
        self._slot_bytes = int(self._lib.x3r_slot_bytes(self._reader))
        self._record = ffi.new("x3r_record *")
        self._record_buffer = ffi.buffer(self._record)
        self._close = weakref.finalize(
            self, shut, os.getpid(), self._lib.x3r_reader_stop, self._reader, (data, control), pins
        )

    def read(self, timeout: float | None = None) -> Record | None:
        """The next record, or `None` when there was none within `timeout` s.

        Raises
        ------
        StreamEndedError
            When all was read and the writer has closed the ring; `SenderDiedError` when it died.
        ReaderDroppedError
            When the writer has taken this reader off its list.
        ProtocolError
            When what stands in the ring cannot be.
        StateError
            After `close`.
        """
        store = self._room() if self._pool is not None else None
        into = ffi.NULL if store is None else ffi.from_buffer(store)
        rc = self._lib.x3r_read(self._reader, 0, into, self._record)
        if rc == TIMEOUT and timeout != 0:
            rc = again(lambda ns: self._lib.x3r_read(self._reader, ns, into, self._record), timeout)
        if rc != OK:
            self._put_back(store)
            if rc == TIMEOUT:
                return None
            raise error_of(rc, self._what)
        values = RECORD.unpack_from(self._record_buffer)
        memory = self._data if store is None else store.data.toreadonly()
        if memory is None:  # closed by another thread between the lines above
            raise error_of(self._lib.X3R_STOPPED, self._what)
        return Record(self, values, memory, store)

    def ended_sessions(self) -> list[EndedSession]:
        """The last sessions that are over, oldest first; also when this reader was taken off the list."""
        if self._memories is None:
            raise error_of(self._lib.X3R_STOPPED, self._what)
        control = self._memories[1]
        return read_ended(control.buffer[self._lib.x3r_control_bytes() :])

    def close(self) -> None:
        """Leave; what is held is given back. Repeat calls do nothing."""
        self._close()
        self._data = self._memories = None  # with these the map would stay

    def __enter__(self) -> RingReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _sit_down(self, data: SharedMem, control: SharedMem, pins: Any, how: tuple[int, int, int]) -> Any:
        made = ffi.new("x3r_reader **")
        rc = self._lib.x3r_reader_new(
            pins[0],
            data.nbytes,
            data.fileno(),
            pins[1],
            control.nbytes,
            control.fileno(),
            self.name.encode(),
            *how,
            made,
        )
        if rc != OK:
            raise error_of(rc, self._what)
        return ffi.gc(made[0], self._lib.x3r_reader_free)

    def _attach_again(self) -> tuple[SharedMem, SharedMem]:
        if self._memories is None:
            raise error_of(self._lib.X3R_STOPPED, self._what)
        data, control = self._memories
        again = data.again()
        try:
            return again, control.again()
        except BaseException:
            again.close()
            raise

    def _room(self) -> npt.NDArray[np.uint8]:
        """Memory for a copy: what was released before, so that its pages are there."""
        return self._pool.pop() if self._pool else np.empty(self._slot_bytes, np.uint8)

    def _put_back(self, store: npt.NDArray[np.uint8] | None) -> None:
        if store is not None and self._pool is not None:
            self._pool.append(store)

    def _release(self, number: int, store: npt.NDArray[np.uint8] | None) -> None:
        if store is not None:
            self._put_back(store)
            return
        rc = self._lib.x3r_release(self._reader, number)
        if rc not in (OK, self._lib.X3R_STOPPED):
            raise error_of(rc, self._what)


def _attach(ring_id: str) -> tuple[SharedMem, SharedMem]:
    """Both pieces of memory of a ring; the second is named in the first."""
    data = SharedMem(None, ring_id)
    try:
        control_id = ffi.new("char[]", library().X3R_ID_CHARS)
        rc = library().x3r_control_id(ffi.from_buffer(data.buffer), data.nbytes, control_id)
        if rc != OK:
            raise error_of(rc, f"ring {ring_id}")
        return data, SharedMem(None, ffi.string(control_id).decode(), writeable=True)
    except BaseException:
        data.close()
        raise
