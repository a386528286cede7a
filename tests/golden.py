"""Golden recordings: one session in each dialect, as every later version must still say and read it.

`python -m tests.golden` makes them anew, which is right only when what is said was changed on purpose.
The session is three frames of the simulator, taken from a streamer, with a lost one between them; times,
names and numbers are put to fixed values. Only `native.cbors` comes from the simulator: the others are
made of it, and so they do not change when the simulator does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from receivers.recording_file import RecordingWriter, read_messages
from xspress3 import sim
from xspress3.config import DetectorConfig, StreamerConfig
from xspress3.detector import Xspress3Detector
from xspress3.model import Acquisition
from xspress3.stream import (
    Block,
    EncodedArray,
    EndReason,
    Envelope,
    Loss,
    Message,
    SessionEnd,
    SessionStart,
    Subscriber,
    decode,
    encode,
)
from xspress3.stream.compression import compress_bslz4
from xspress3.stream.dialects import OldForm, old_dialect
from xspress3.streamer import Streamer

FOLDER = Path(__file__).parent / "data" / "golden"
NATIVE = FOLDER / "native.cbors"
SESSION = 1763683200
TIME_NS = SESSION * 1_000_000_000
EPOCH = "0123456789abcdef"
METADATA = {
    "title": "golden",
    "DestinationFileName": "/data/golden.h5",
    "DestinationFileOverwritable": False,
}


def native_messages() -> list[Message]:
    """The golden session, out of its recording."""
    return [decode(parts) for parts in read_messages(NATIVE)]


def as_bytes(parts: list) -> list[bytes]:
    return [bytes(part) for part in parts]


def in_old_dialect(dialect: OldForm, messages: list[Message]) -> Iterator[list[bytes]]:
    """The zmq messages that say the same in an old dialect."""
    start = messages[0]
    assert isinstance(start, SessionStart)
    for message in messages:
        if isinstance(message, SessionStart):
            yield from map(as_bytes, dialect.header(message))
        elif isinstance(message, Block):
            histogram, scalers = (message[name].decode() for name in ("histogram", "scalers"))
            time_ns = message.envelope.time_ns
            for frame in dialect.frames(start, message.first_frame, histogram, scalers, time_ns=time_ns):
                yield from map(as_bytes, frame)
        elif isinstance(message, SessionEnd):
            yield from map(as_bytes, dialect.end(start, message))


def compressed(message: Message) -> Message:
    """`message` with its spectra compressed, and a start that says so."""
    if isinstance(message, SessionStart):
        histogram, scalers = message.arrays
        return replace(message, arrays=(replace(histogram, compression="bslz4"), scalers))
    if isinstance(message, Block):
        histogram, scalers = message.arrays
        payload = compress_bslz4(histogram.decode())
        return replace(message, arrays=(replace(histogram, compression="bslz4", payload=payload), scalers))
    return message


def _taken() -> list[Message]:
    """Four frames of the simulator as its streamer sends them."""
    os.environ.update(sim.environment(source="physics", clock="demand", channels=2, seed=42))
    config = StreamerConfig(data_port=0, monitor_port=0, compression="none")
    messages: list[Message] = []
    with (
        Xspress3Detector.open(DetectorConfig(library=str(sim.library_path()))) as detector,
        Streamer(detector, config) as streamer,
        Subscriber(streamer.data_endpoint) as reader,
    ):
        acquisition = Acquisition(exposure_time=0.01, frames_per_trigger=4)
        streamer.arm(acquisition, metadata=METADATA, readers=1)
        while not messages or not isinstance(messages[-1], SessionEnd):
            message = reader.receive(5)
            assert message is not None
            messages.append(message)
    return messages


def _session(taken: list[Message]) -> list[Message]:
    """What was taken, with a hole and with fixed values for all that is of its time and place."""
    (start,) = (message for message in taken if isinstance(message, SessionStart))
    blocks = [message for message in taken if isinstance(message, Block)]
    frames = [
        {array.name: array.decode()[row : row + 1] for array in block.arrays}
        for block in blocks
        for row in range(block.n_frames)
    ]
    start = replace(
        start,
        n_frames=4,
        frames_per_block=2,
        start_time_ns=TIME_NS,
        detector={**start.detector, "library": "simulator"},
    )
    return [
        replace(start, envelope=_envelope(0)),
        _block(1, 0, frames[0:1]),
        _block(2, 1, frames[1:2]),
        Loss(_envelope(3), 2, 1, "overrun of the detector's ring"),
        _block(4, 3, frames[3:4]),
        SessionEnd(_envelope(5), EndReason.COMPLETE, 3, 3, 1),
    ]


def _envelope(sequence: int) -> Envelope:
    return Envelope("golden", SESSION, sequence, TIME_NS + 10_000_000 * sequence, EPOCH)


def _block(sequence: int, first_frame: int, frames: list[dict]) -> Block:
    (frame,) = frames
    arrays = tuple(
        EncodedArray(name, array.dtype, array.shape, "none", array.tobytes()) for name, array in frame.items()
    )
    return Block(_envelope(sequence), first_frame, 1, arrays)


def _write(name: str, messages: Iterator[list]) -> None:
    path = FOLDER / name
    path.unlink(missing_ok=True)
    with RecordingWriter(path) as writer:
        for parts in messages:
            writer.write(parts)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    _write("native.cbors", map(encode, _session(_taken())))
    messages = native_messages()
    _write("native-bslz4.cbors", (encode(compressed(message)) for message in messages))
    for name in ("multipart", "legacy"):
        _write(f"{name}.cbors", in_old_dialect(old_dialect(name), messages))


if __name__ == "__main__":
    main()
