"""Reads lists of numpy arrays out of pickles, and nothing else, without running any of it.

A pickle is a program that may call whatever it names. Here it is a text with a grammar: only the
instructions that such a list needs are known, the only names are those of numpy's array and dtype,
and what they stand for is looked at, never called. Anything else is a `ProtocolError`. Known are the
forms that numpy 1 and 2 give with protocols 2 to 4, as far as they hold plain numbers in C order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3.errors import ProtocolError

__all__ = ["MAX_PICKLE_BYTES", "unpickle_arrays"]

MAX_PICKLE_BYTES = 1 << 20
MAX_ARRAYS = 64
_MAX_STEPS = 16384
_MAX_KEPT = 4096
_MAX_AXES = 8

_RECONSTRUCT = "reconstruct"
_NDARRAY = "ndarray"
_DTYPE = "dtype"
_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _DTYPE,
}
_TYPE = re.compile(r"[biuf][0-9]{1,2}")
_NO_FIELDS = (None, None, None, -1, -1, 0)


@dataclass(frozen=True)
class _Name:
    """Something of numpy's that the pickle names."""

    meaning: str


@dataclass
class _Type:
    """A plain dtype; the byte order comes with its state."""

    text: str
    dtype: np.dtype[Any] | None = None


@dataclass
class _Array:
    """An array; its values come with its state."""

    values: npt.NDArray[Any] | None = None


class _Mark:
    """Where on the stack a tuple or the items of a list begin."""


def unpickle_arrays(pickle: bytes | bytearray | memoryview) -> list[npt.NDArray[Any]]:
    """The arrays of the list in `pickle`, read-only copies of its bytes.

    Raises
    ------
    ProtocolError
        For everything that is not a list of up to `MAX_ARRAYS` arrays of plain numbers in C order.
    """
    if len(pickle) > MAX_PICKLE_BYTES:
        raise ProtocolError(f"pickle of {len(pickle)} bytes, allowed are {MAX_PICKLE_BYTES}")
    machine = _Machine(bytes(pickle))
    try:
        result = machine.run()
    except IndexError:  # the stack, the memo, or the bytes end too early
        raise ProtocolError("pickle: broken, it takes what is not there") from None
    return _as_arrays(result)


def _as_arrays(result: object) -> list[npt.NDArray[Any]]:
    if not isinstance(result, list) or len(result) > MAX_ARRAYS:
        raise ProtocolError(f"pickle: holds no list of up to {MAX_ARRAYS} arrays")
    arrays = [item.values for item in result if isinstance(item, _Array) and item.values is not None]
    if len(arrays) != len(result):
        raise ProtocolError("pickle: its list holds something that is no array")
    return arrays


class _Machine:
    """Follows the instructions of one pickle, as far as they are known here."""

    def __init__(self, code: bytes) -> None:
        self._code = code
        self._at = 0
        self._stack: list[Any] = []
        self._kept: dict[int, Any] = {}

    def run(self) -> Any:
        """What is left when the pickle says that it ends."""
        for _ in range(_MAX_STEPS):
            at, instruction = self._at, self._take(1)
            if instruction == b".":
                return self._end()
            action = _ACTIONS.get(instruction)
            if action is None:
                raise ProtocolError(
                    f"pickle: instruction {instruction!r} at byte {at}, which no list of arrays needs"
                )
            action(self)
        raise ProtocolError(f"pickle: more than {_MAX_STEPS} instructions")

    def _end(self) -> Any:
        result = self._stack.pop()
        if self._stack or self._at != len(self._code):
            raise ProtocolError("pickle: ends with something left over")
        return result

    def _take(self, size_bytes: int) -> bytes:
        end = self._at + size_bytes
        if end > len(self._code):
            raise ProtocolError(f"pickle: {len(self._code)} bytes, it says that there are {end} or more")
        taken = self._code[self._at : end]
        self._at = end
        return taken

    def _unsigned(self, size_bytes: int) -> int:
        return int.from_bytes(self._take(size_bytes), "little")

    # Instructions, each named as in the documentation of the format.

    def protocol(self) -> None:
        number = self._unsigned(1)
        if not 2 <= number <= 4:
            raise ProtocolError(f"pickle: protocol {number}, allowed is 2..4")

    def frame(self) -> None:
        self._unsigned(8)

    def mark(self) -> None:
        self._stack.append(_Mark())

    def empty_list(self) -> None:
        self._stack.append([])

    def append(self) -> None:
        self._extend([self._stack.pop()])

    def appends(self) -> None:
        self._extend(self._since_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list) or len(target) + len(items) > MAX_ARRAYS:
            raise ProtocolError(f"pickle: items for something that is no list of up to {MAX_ARRAYS}")
        target.extend(items)

    def _since_mark(self) -> list[Any]:
        items: list[Any] = []
        while not isinstance(item := self._stack.pop(), _Mark):
            items.append(item)
        return items[::-1]

    def integer(self, size_bytes: int, is_signed: bool = False) -> None:
        self._stack.append(int.from_bytes(self._take(size_bytes), "little", signed=is_signed))

    def constant(self, value: bool | None) -> None:
        self._stack.append(value)

    def data(self, size_bytes: int) -> None:
        self._stack.append(self._take(self._unsigned(size_bytes)))

    def text(self, size_bytes: int) -> None:
        raw = self._take(self._unsigned(size_bytes))
        try:
            self._stack.append(raw.decode())
        except UnicodeDecodeError:
            raise ProtocolError(f"pickle: a text that is not UTF-8: {raw[:32]!r}") from None

    def tuple_since_mark(self) -> None:
        self._stack.append(tuple(self._since_mark()))

    def tuple_of(self, n_items: int) -> None:
        items = [self._stack.pop() for _ in range(n_items)]
        self._stack.append(tuple(items[::-1]))

    def put(self, size_bytes: int) -> None:
        self._keep(self._unsigned(size_bytes))

    def memoize(self) -> None:
        self._keep(len(self._kept))

    def _keep(self, number: int) -> None:
        if number >= _MAX_KEPT:
            raise ProtocolError(f"pickle: keeps more than {_MAX_KEPT} things")
        self._kept[number] = self._stack[-1]

    def get(self, size_bytes: int) -> None:
        number = self._unsigned(size_bytes)
        if number not in self._kept:
            raise ProtocolError(f"pickle: fetches thing {number}, which it never kept")
        self._stack.append(self._kept[number])

    def name(self) -> None:
        module, name = (self._line() for _ in range(2))
        self._named(module, name)

    def stack_name(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._named(module, name)

    def _line(self) -> str:
        end = self._code.find(b"\n", self._at, self._at + 64)
        if end < 0:
            raise ProtocolError("pickle: a name without an end")
        line = self._code[self._at : end]
        self._at = end + 1
        return line.decode("latin-1")

    def _named(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ProtocolError("pickle: names something by what is no text")
        meaning = _NAMES.get((module, name))
        if meaning is None:
            said = f"{module[:64]}.{name[:64]}"
            raise ProtocolError(f"pickle: names {said!r}, allowed are numpy's array and dtype")
        self._stack.append(_Name(meaning))

    def reduce(self) -> None:
        """A call; what it would give is made here, from arguments that are looked at."""
        arguments, function = self._stack.pop(), self._stack.pop()
        is_call = isinstance(function, _Name) and isinstance(arguments, tuple) and len(arguments) == 3
        if is_call and function.meaning == _RECONSTRUCT and _is_shell(arguments):
            self._stack.append(_Array())
        elif is_call and function.meaning == _DTYPE and _is_type(arguments):
            self._stack.append(_Type(arguments[0]))
        else:
            raise ProtocolError("pickle: a call that makes neither an array nor a dtype of numbers")

    def build(self) -> None:
        """The state of the thing before it on the stack."""
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, _Type) and target.dtype is None:
            target.dtype = _dtype(target.text, state)
        elif isinstance(target, _Array) and target.values is None:
            target.values = _values(state)
        else:
            raise ProtocolError("pickle: a state for something that takes none")


def _is_shell(arguments: tuple[Any, ...]) -> bool:
    """Whether these are `ndarray, (0,), b"b"`; the kind is replaced by the state."""
    kind, shape, code = arguments
    is_ndarray = isinstance(kind, _Name) and kind.meaning == _NDARRAY
    return is_ndarray and _are_integers(shape, (0,)) and isinstance(code, bytes) and code == b"b"


def _is_type(arguments: tuple[Any, ...]) -> bool:
    """Whether these are a type of plain numbers, "do not align", "do copy"."""
    text, align, copy = arguments
    are_flags = isinstance(align, int) and isinstance(copy, int) and align == 0 and copy == 1
    return isinstance(text, str) and bool(_TYPE.fullmatch(text)) and are_flags


def _are_integers(value: object, expected: tuple[int, ...]) -> bool:
    """Whether `value` is this tuple; compared by hand, for it may hold tuples in tuples without end."""
    return (
        isinstance(value, tuple)
        and len(value) == len(expected)
        and all(isinstance(item, int) for item in value)
        and value == expected
    )


def _dtype(text: str, state: object) -> np.dtype[Any]:
    is_state = isinstance(state, tuple) and len(state) == 8 and all(_is_atom(item) for item in state)
    if not is_state or state[0] != 3 or state[1] not in ("<", ">", "|") or state[2:] != _NO_FIELDS:  # type: ignore[index]
        raise ProtocolError("pickle: a dtype that is not one of plain numbers")
    try:
        return np.dtype(state[1] + text)  # type: ignore[index]
    except (TypeError, ValueError):
        raise ProtocolError(f"pickle: numpy has no type {text!r}") from None


def _is_atom(value: object) -> bool:
    return value is None or isinstance(value, (int, str))


def _values(state: object) -> npt.NDArray[Any]:
    """The array of `(1, shape, dtype, is_fortran, bytes)`."""
    if not isinstance(state, tuple) or len(state) != 5:
        raise ProtocolError("pickle: an array without a state")
    version, shape, kind, is_fortran, data = state
    dtype = kind.dtype if isinstance(kind, _Type) else None
    if dtype is None or not isinstance(version, int) or version != 1 or is_fortran is not False:
        raise ProtocolError("pickle: an array that is not one of numbers in C order")
    if not _is_shape(shape) or not isinstance(data, bytes):
        raise ProtocolError("pickle: an array whose shape or values are none")
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise ProtocolError(f"pickle: {len(data)} bytes for an array {shape} {dtype}")
    try:
        array: npt.NDArray[Any] = np.frombuffer(data, dtype).reshape(shape)
    except ValueError:  # no values, but axes whose product is beyond what numpy counts
        raise ProtocolError(f"pickle: an array of shape {shape}") from None
    return array


def _is_shape(shape: object) -> bool:
    return (
        isinstance(shape, tuple)
        and len(shape) <= _MAX_AXES
        and all(type(length) is int and 0 <= length <= MAX_PICKLE_BYTES for length in shape)
    )


_ACTIONS: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": _Machine.protocol,
    b"\x95": _Machine.frame,
    b"(": _Machine.mark,
    b"]": _Machine.empty_list,
    b"a": _Machine.append,
    b"e": _Machine.appends,
    b"K": lambda machine: machine.integer(1),
    b"M": lambda machine: machine.integer(2),
    b"J": lambda machine: machine.integer(4, is_signed=True),
    b"N": lambda machine: machine.constant(None),
    b"\x88": lambda machine: machine.constant(True),
    b"\x89": lambda machine: machine.constant(False),
    b"C": lambda machine: machine.data(1),
    b"B": lambda machine: machine.data(4),
    b"X": lambda machine: machine.text(4),
    b"\x8c": lambda machine: machine.text(1),
    b"t": _Machine.tuple_since_mark,
    b"\x85": lambda machine: machine.tuple_of(1),
    b"\x86": lambda machine: machine.tuple_of(2),
    b"\x87": lambda machine: machine.tuple_of(3),
    b"q": lambda machine: machine.put(1),
    b"r": lambda machine: machine.put(4),
    b"\x94": _Machine.memoize,
    b"h": lambda machine: machine.get(1),
    b"j": lambda machine: machine.get(4),
    b"c": _Machine.name,
    b"\x93": _Machine.stack_name,
    b"R": _Machine.reduce,
    b"b": _Machine.build,
}
"""What each instruction does; any that is not here is refused."""
