"""What must hold for any bytes that come from outside, and an endless search for those for which it does not.

The tests of `tests/stream/test_fuzz.py` hold a few thousand cases against it. For more, on Linux::

    pip install atheris
    PYTHONPATH=. python tests/fuzz_codec.py -max_total_time=600

Seeds are made in a temporary folder; further arguments are those of libFuzzer. A case that fails is
written to `crash-...` in the working directory, and runs again as `python tests/fuzz_codec.py crash-...`.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import tempfile
from pathlib import Path

import numpy as np

from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.stream import (
    Alive,
    ArrayInfo,
    Block,
    EncodedArray,
    EndReason,
    Envelope,
    Loss,
    SessionEnd,
    SessionStart,
    UnknownMessage,
    block_codec,
    blosc,
    bslz4,
    codec,
    compression,
    decode,
    dtypes,
    encode,
    fields,
)
from xspress3.stream.codec import MAX_ARRAY_BYTES
from xspress3.stream.compression import compression_methods, find_method

SEPARATOR = b"\n\x00\n"
"""Between the parts of a message, in the files of cases."""
ENVELOPE = Envelope("xspress3", 1763683200, 17, 1763683201000000000, "k3J9x")
RECORD = np.dtype([("time", "<M8[ns]"), ("at", [("x", "<f4"), ("y", ">i2", (2,))]), ("name", "|S3")])


def check_parts(parts) -> None:
    """Hold `parts` against what must be true of any: a message that can be used, or `ProtocolError`."""
    message = decoded(parts)
    # A header after a space is read the long way, which must come to the same.
    assert decoded([b" " + bytes(part) if not at else part for at, part in enumerate(parts)]) == message
    if message is None or isinstance(message, UnknownMessage):
        return
    if isinstance(message, Block):
        check_block(message)
    with contextlib.suppress(ConfigurationError):  # a start may name a compression that is not here
        assert decode(encode(message)) == message


def decoded(parts):
    """The message in `parts`, `None` where they are refused."""
    try:
        return decode(parts)
    except ProtocolError:
        return None


def check_block(block) -> None:
    """Hold the arrays of `block` against what it says of them."""
    for array in block.arrays:
        assert array.nbytes <= MAX_ARRAY_BYTES
        with contextlib.suppress(ProtocolError):
            values = array.decode()
            assert (values.shape, values.dtype) == (array.shape, array.dtype)
            assert not values.flags.writeable


def messages() -> list:
    """One valid message of each kind."""
    info = ArrayInfo("histogram", "<u4", (4, 16), "counts", "bslz4")
    return [
        SessionStart(
            ENVELOPE, 10, 64, (info, ArrayInfo("marks", RECORD, ())), metadata={"a": [1, 2.5, None]}
        ),
        Loss(ENVELOPE, 3, 2, "overwritten", first_sequence=12),
        Alive(ENVELOPE, "idle"),
        SessionEnd(ENVELOPE, EndReason.STOPPED, 10, 8, 2, "why"),
        *[block(dtype, name) for dtype in (np.dtype("<u4"), RECORD) for name in compression_methods],
    ]


def block(dtype, compression) -> Block:
    """A block of two frames with two arrays of `dtype`."""
    values = (np.arange(2 * 40 * dtype.itemsize) % 5).astype(np.uint8).view(dtype).reshape(2, 40)
    payload = bytes(find_method(compression).compress(values))
    packed = EncodedArray("packed", dtype, values.shape, compression, payload)
    plain = EncodedArray("plain", dtype, values.shape, "none", values.tobytes())
    return Block(ENVELOPE, 1024, 2, (packed, plain), step=3)


def seeds() -> list[list[bytes]]:
    """Parts of the `messages`."""
    return [[bytes(part) for part in encode(message)] for message in messages()]


def functions() -> list:
    """Those of our own that read messages."""
    modules = (block_codec, blosc, bslz4, codec, compression, dtypes, fields)
    return [value for module in modules for value in vars(module).values() if inspect.isfunction(value)]


def main(argv: list[str]) -> None:
    """Search until a case fails or the time is over."""
    import atheris

    with tempfile.TemporaryDirectory() as folder:
        for number, parts in enumerate(seeds()):
            (Path(folder) / f"seed-{number}").write_bytes(SEPARATOR.join(parts))
        for function in functions():
            atheris.instrument_func(function)
        corpus = [] if any(not argument.startswith("-") for argument in argv[1:]) else [folder]
        atheris.Setup([*argv, *corpus], lambda case: check_parts(case.split(SEPARATOR)))
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
