"""The end of a slot ring that writes."""

from __future__ import annotations

import os
import struct
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError, StateError, StreamTimeoutError
from xspress3.stream.shared._library import CONTRACT_NAMES, OK, TIMEOUT, again, error_of, ffi, library, shut
from xspress3.stream.shared.ledger import LEDGER_BYTES, EndedSession, note_ended
from xspress3.stream.shared.records import FIELDS, RecordFields, RecordKind
from xspress3.stream.shared.segment import SharedMem

__all__ = ["RingReaderInfo", "RingWriter"]

Data = Union[bytes, bytearray, memoryview, npt.NDArray[Any]]


@dataclass(frozen=True)
class RingReaderInfo:
    """A reader as its writer sees it.

    Parameters
    ----------
    behind
        Records that were written and that it holds or has not read.
    missed
        Records that it did not look at, for contracts that allow it.
    """

    name: str
    pid: int
    contract: str
    behind: int
    missed: int
    seat: int
    id: int


class RingWriter:
    """The end that writes; it makes the memory, and removes it at `close`::

        with RingWriter(n_slots=8, slot_bytes=4 << 20) as ring:
            ring.write(RecordFields(first_frame=0, n_frames=16), histogram, timeout=1.0)
            ring.write(RecordFields(RecordKind.MESSAGE), b"...")
            view = ring.borrow(1 << 20)                      # for who fills memory itself
            ring.commit(RecordFields(first_frame=16, n_frames=16))

    One thread writes; `close` may come from any, and ends a wait with `StateError`.

    Parameters
    ----------
    n_slots
        2..65536. A lossless reader can hold all of them, and the writer then waits.
    slot_bytes
        1..2^40, the largest record. From a page on, slots begin at pages, else at multiples of 64.
    name
        For messages.

    Raises
    ------
    ConfigurationError
        When a size cannot be.
    SharedMemoryError
        When there is not enough room.
    """

    def __init__(self, n_slots: int, slot_bytes: int, name: str = "ring") -> None:
        lib = library()
        nbytes = lib.x3r_data_bytes(max(n_slots, 0), max(slot_bytes, 0))
        if nbytes == 0:
            raise ConfigurationError(
                f"ring of n_slots={n_slots}, slot_bytes={slot_bytes}, "
                f"allowed are 2..{lib.X3R_MAX_SLOTS} and 1..2^40"
            )
        self.name, self.n_slots, self.slot_bytes = name, n_slots, slot_bytes
        self._lib = lib
        data, control = _make(nbytes, lib.x3r_control_bytes() + LEDGER_BYTES)
        self.ring_id = data.shm_id
        self._control = control
        self._bytes = data.to_numpy(0, "u1", nbytes)
        pins = (ffi.from_buffer(data.buffer), ffi.from_buffer(control.buffer))
        fd, control_id = control.fileno(), control.shm_id.encode()
        self._writer = ffi.gc(
            lib.x3r_writer_new(*pins, fd, n_slots, slot_bytes, control_id), lib.x3r_writer_free
        )
        self._fields = ffi.new("x3r_fields *")
        self._fields_buffer = ffi.buffer(self._fields)
        self._parts = ffi.new("const void *[]", lib.X3R_MAX_PARTS)
        self._part_bytes = ffi.new("uint64_t[]", lib.X3R_MAX_PARTS)
        self._borrowed: int | None = None
        self._close = weakref.finalize(
            self, shut, os.getpid(), lib.x3r_writer_stop, self._writer, (data, control), pins
        )

    def write(self, fields: RecordFields, data: Data | Sequence[Data], timeout: float | None = None) -> int:
        """Copy `data` into the next slot, and publish it.

        Parameters
        ----------
        data
            One array or buffer, or up to 8 of them, the parts of one record. What is not contiguous in C
            order is copied once more.
        timeout
            Seconds to wait for lossless readers, `None` for ever.

        Returns
        -------
        :
            The record's number in this ring, from 0.

        Raises
        ------
        StreamTimeoutError
            When a lossless reader has not given back the slot in time; the text says which.
        ConfigurationError
            When the record is larger than a slot, or a field out of range.
        StateError
            After `close`, or while a slot is borrowed.
        """
        _pack(self._fields_buffer, fields)
        if isinstance(data, (list, tuple)):
            return self._write_parts(data, timeout)
        pointer = _pointer(data)  # type: ignore[arg-type]  # a cast costs
        call, arguments = self._lib.x3r_write_one, (self._writer, self._fields, pointer, len(pointer))
        number: int = call(*arguments, 0)
        if number == TIMEOUT and timeout != 0:
            number = again(lambda ns: call(*arguments, ns), timeout)
        if number < 0:
            raise self._error(number, timeout, [len(pointer)])
        return number

    def borrow(self, nbytes: int, timeout: float | None = None) -> npt.NDArray[np.uint8]:
        """Memory of the next slot, to be filled and then published with `commit`, or given up with `abandon`.

        It must not be written any more after that. Errors are those of `write`.
        """
        if nbytes < 0:
            raise ConfigurationError(f"borrow of nbytes={nbytes}, allowed are 0..{self.slot_bytes}")
        call, arguments = self._lib.x3r_borrow, (self._writer, min(nbytes, self.slot_bytes + 1))
        offset = call(*arguments, 0)
        if offset == TIMEOUT and timeout != 0:
            offset = again(lambda ns: call(*arguments, ns), timeout)
        if offset < 0:
            raise self._error(offset, timeout, [nbytes])
        self._borrowed = nbytes
        return self._bytes[offset : offset + nbytes]

    def commit(self, fields: RecordFields, part_bytes: Sequence[int] | None = None) -> int:
        """Publish what was borrowed, and give its number.

        Parameters
        ----------
        part_bytes
            Sizes of the parts, which begin at `part_offsets`; `None` for one part of all that was borrowed.
        """
        _pack(self._fields_buffer, fields)
        sizes = [self._borrowed or 0] if part_bytes is None else list(part_bytes)
        if len(sizes) > len(self._part_bytes) or min(sizes, default=0) < 0:
            raise ConfigurationError(
                f"parts of {sizes} bytes, allowed are 1..{len(self._part_bytes)} of 0 and more"
            )
        self._part_bytes[0 : len(sizes)] = sizes
        number: int = self._lib.x3r_commit(self._writer, self._fields, self._part_bytes, len(sizes))
        if number < 0:
            raise self._commit_error(number, sizes)
        self._borrowed = None
        return number

    def abandon(self) -> None:
        """Give up what was borrowed: nobody sees it. Without anything borrowed this does nothing."""
        self._borrowed = None
        self._lib.x3r_abandon(self._writer)

    def note_ended(self, ended: EndedSession) -> None:
        """Remember how a session ended, for readers who do not see the message of it."""
        if self._close.alive:
            note_ended(self._control.buffer[-LEDGER_BYTES:], ended)

    @property
    def readers(self) -> list[RingReaderInfo]:
        """Who reads at the moment; empty after `close`."""
        published = self._lib.x3r_published(self._writer)
        return [info for seat in range(self._lib.X3R_MAX_READERS) for info in self._look(seat, published)]

    def evict(self, reader: RingReaderInfo) -> bool:
        """Do without this reader from now on; it is told at its next `read` or `release`.

        The views that it holds may be overwritten before that. False when it was gone already.
        """
        return bool(self._lib.x3r_evict(self._writer, reader.seat, reader.id) == OK)

    def close(self) -> None:
        """End the ring: readers get what is in it and then the end. The memory goes with the last of them."""
        self._close()
        self._bytes = self._bytes[:0].copy()  # with this the map would stay

    def __enter__(self) -> RingWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _write_parts(self, parts: Sequence[Data], timeout: float | None) -> int:
        pointers = [_pointer(part) for part in parts]  # they keep what they point to
        sizes = [len(pointer) for pointer in pointers]
        if len(parts) > len(self._parts):
            raise ConfigurationError(f"record of {len(parts)} parts, allowed are 1..{len(self._parts)}")
        self._parts[0 : len(parts)] = pointers
        self._part_bytes[0 : len(parts)] = sizes
        call = self._lib.x3r_write
        arguments = (self._writer, self._fields, self._parts, self._part_bytes, len(parts))
        number: int = call(*arguments, 0)
        if number == TIMEOUT and timeout != 0:
            number = again(lambda ns: call(*arguments, ns), timeout)
        if number < 0:
            raise self._error(number, timeout, sizes)
        return number

    def _look(self, seat: int, published: int) -> Iterator[RingReaderInfo]:
        info = ffi.new("x3r_reader_info *")
        if self._lib.x3r_reader_at(self._writer, seat, info):
            contract = CONTRACT_NAMES[info.contract] if info.contract < len(CONTRACT_NAMES) else "unknown"
            if contract == "every":
                contract += f":{info.step}"
            name = ffi.string(info.name).decode(errors="replace")
            behind = max(published - info.cursor, 0)
            yield RingReaderInfo(name, info.pid, contract, behind, info.missed, seat, info.id)

    def _error(self, rc: int, timeout: float | None, sizes: list[int]) -> Exception:
        if rc == TIMEOUT:
            return StreamTimeoutError(f"{self.name}: no room within {timeout} s; {self._who_blocks()}")
        if rc == self._lib.X3R_INVALID and self._borrowed is not None:
            return StateError(f"{self.name}: a slot is borrowed; commit or abandon it first")
        if rc == self._lib.X3R_INVALID:
            return ConfigurationError(
                f"{self.name}: record with parts of {sizes} bytes, allowed is 1 part and more, "
                f"{self.slot_bytes} bytes in all, and kinds {[int(kind) for kind in RecordKind]}"
            )
        return error_of(rc, self.name)

    def _commit_error(self, rc: int, sizes: list[int]) -> Exception:
        if rc == self._lib.X3R_INVALID and self._borrowed is None:
            return StateError(f"{self.name}: commit without a borrow")
        if rc == self._lib.X3R_INVALID:
            return ConfigurationError(
                f"{self.name}: parts of {sizes} bytes in {self._borrowed} that were borrowed"
            )
        return error_of(rc, self.name)

    def _who_blocks(self) -> str:
        lossless = [reader for reader in self.readers if reader.contract == "lossless"]
        slowest = max((reader.behind for reader in lossless), default=0)
        names = [f"{reader.name} (pid {reader.pid})" for reader in lossless if reader.behind == slowest]
        return f"{slowest} of {self.n_slots} slots are held by {', '.join(names) or 'nobody any more'}"


def _make(data_bytes: int, control_bytes: int) -> tuple[SharedMem, SharedMem]:
    data = SharedMem(data_bytes)
    try:
        return data, SharedMem(control_bytes)
    except BaseException:
        data.close()
        raise


def _pack(buffer: Any, fields: RecordFields) -> None:
    try:
        FIELDS.pack_into(buffer, 0, *fields)
    except struct.error as error:
        raise ConfigurationError(f"{fields}: {error}; allowed are whole numbers of 64 bits") from error


def _pointer(data: Data) -> Any:
    try:
        return ffi.from_buffer(data)
    except (BufferError, ValueError):
        return ffi.from_buffer(np.ascontiguousarray(data))
