"""Streams of blocks of frames: what is said, how it is packed, and how it travels.

`messages` are the things said, `codec` turns them to bytes and back without any input or output,
`dtypes` names types of elements, `compression` packs arrays, `publisher` and `subscriber` carry messages
over zmq, to each reader as its `contract` says, `security` admits readers by key, `tracker` notices what
did not come, `ring` holds the frames that are on their way.
"""

from xspress3.stream.codec import decode, encode
from xspress3.stream.compression import compression_methods
from xspress3.stream.contract import Contract
from xspress3.stream.messages import (
    Alive,
    ArrayInfo,
    Block,
    EncodedArray,
    EndReason,
    Envelope,
    Loss,
    Message,
    SessionEnd,
    SessionStart,
    UnknownMessage,
)
from xspress3.stream.numbering import Numbering
from xspress3.stream.publisher import Publisher, ReaderStatus
from xspress3.stream.ring import FrameRing, Slot
from xspress3.stream.shared import SharedArray, SharedMem
from xspress3.stream.streams import (
    AsyncReceiver,
    ChannelSplitter,
    ChunkResizer,
    InputStream,
    OutputStream,
    RingBuffer,
    StreamPoller,
)
from xspress3.stream.subscriber import Subscriber
from xspress3.stream.tracker import SessionTracker

__all__ = [
    "Alive",
    "ArrayInfo",
    "AsyncReceiver",
    "Block",
    "ChannelSplitter",
    "ChunkResizer",
    "Contract",
    "EncodedArray",
    "EndReason",
    "Envelope",
    "FrameRing",
    "InputStream",
    "Loss",
    "Message",
    "Numbering",
    "OutputStream",
    "Publisher",
    "ReaderStatus",
    "RingBuffer",
    "SessionEnd",
    "SessionStart",
    "SessionTracker",
    "SharedArray",
    "SharedMem",
    "Slot",
    "StreamPoller",
    "Subscriber",
    "UnknownMessage",
    "compression_methods",
    "decode",
    "encode",
]
