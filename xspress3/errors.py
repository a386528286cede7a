"""Every exception that this software raises on purpose, in one tree.

::

    Xspress3Error
    |-- ConfigurationError (ValueError)      a value that cannot be; nothing was touched
    |-- StateError (RuntimeError)            the right call at the wrong time
    |-- LibraryError (OSError)               no usable library, or a function missing in it
    |-- SdkError                             the library refused: call, code, name, text
    |   |-- SdkConnectionError               nobody answers at the detector's address
    |   |-- SdkRangeError                    channel, frame or bin outside what there is
    |   +-- SdkBusyError                     try again
    |-- AcquisitionError                     the run ended other than planned
    |   |-- CircularBufferOverrunError       frames were overwritten before they were read
    |   +-- AcquisitionTimeoutError (TimeoutError)
    |-- StreamError                          something about a stream
    |   |-- ProtocolError (ValueError)       bytes that are not a message of ours
    |   |-- SequenceGapError                 messages or frames that never came
    |   |-- SharedMemoryError (OSError)      no room for it, or not (any longer) ours
    |   |-- StreamEndedError                 all was read and nothing will follow
    |   |   +-- SenderDiedError              because the sender is gone without a word
    |   |-- StreamTimeoutError (TimeoutError)
    |   |-- ReaderDroppedError              the sender did without this reader, which may join anew
    |   +-- StreamRefusedError (PermissionError)  the other side does not let us in
    |-- SinkError (OSError)                  data could not be put where they should go
    +-- ShutdownTimeoutError (TimeoutError)  a thread that would not end

Messages say what was tried, the value, and what is allowed. `exit_code` is what a command
line program ends with when the error reaches it.
"""

from __future__ import annotations

__all__ = [
    "AcquisitionError",
    "AcquisitionTimeoutError",
    "CircularBufferOverrunError",
    "ConfigurationError",
    "LibraryError",
    "ProtocolError",
    "ReaderDroppedError",
    "SdkBusyError",
    "SdkConnectionError",
    "SdkError",
    "SdkRangeError",
    "SenderDiedError",
    "SequenceGapError",
    "SharedMemoryError",
    "ShutdownTimeoutError",
    "SinkError",
    "StateError",
    "StreamEndedError",
    "StreamError",
    "StreamRefusedError",
    "StreamTimeoutError",
    "Xspress3Error",
]


class Xspress3Error(Exception):
    """Root of all errors of this software."""

    exit_code = 1


class ConfigurationError(Xspress3Error, ValueError):
    """A value that cannot be; raised before anything was touched."""

    exit_code = 2


class StateError(Xspress3Error, RuntimeError):
    """The right call at the wrong time, such as arming twice."""

    exit_code = 3


class LibraryError(Xspress3Error, OSError):
    """No usable library was found, or it lacks a function."""

    exit_code = 4


class SdkError(Xspress3Error):
    """The library answered a call with an error code.

    Parameters
    ----------
    call
        C name of the function.
    code
        What it returned, negative.
    name
        Name of the code in the library's header, or `XSP3_UNKNOWN`.
    text
        What the library said, decoded and stripped.
    """

    exit_code = 5

    def __init__(self, call: str, code: int, name: str, text: str) -> None:
        super().__init__(f"{call} gave {code} ({name}): {text or 'no text'}")
        self.call = call
        self.code = code
        self.name = name
        self.text = text


class SdkConnectionError(SdkError):
    """Nobody answers at the address of the detector."""


class SdkRangeError(SdkError):
    """A channel, frame, bin or scaler outside what the detector has."""


class SdkBusyError(SdkError):
    """The call would have blocked; it may be tried again."""


class AcquisitionError(Xspress3Error):
    """The run ended other than it was planned."""

    exit_code = 6


class CircularBufferOverrunError(AcquisitionError):
    """Frames were overwritten in the library's ring before they were read.

    Parameters
    ----------
    first_frame, n_frames
        The range that is gone.
    """

    def __init__(self, first_frame: int, n_frames: int) -> None:
        super().__init__(
            f"frames {first_frame}..{first_frame + n_frames - 1} were overwritten before they were read"
        )
        self.first_frame = first_frame
        self.n_frames = n_frames


class AcquisitionTimeoutError(AcquisitionError, TimeoutError):
    """Frames or readers did not come in the time given."""


class StreamError(Xspress3Error):
    """Something went wrong about a stream."""

    exit_code = 7


class ProtocolError(StreamError, ValueError):
    """Bytes that are not a message of this protocol, or are larger than allowed."""


class SequenceGapError(StreamError):
    """Messages or frames that were announced never came; where they are known, in `gap`."""

    def __init__(self, text: str, gap: object = None) -> None:
        super().__init__(text)
        self.gap = gap


class SharedMemoryError(StreamError, OSError):
    """Shared memory that cannot be made for want of room, or that is not (any longer) there to attach."""


class StreamEndedError(StreamError):
    """Everything was read, and nothing will follow."""


class SenderDiedError(StreamEndedError):
    """Everything was read, and nothing will follow because the sender is gone without a word."""


class StreamTimeoutError(StreamError, TimeoutError):
    """Nothing came from the stream in the time given."""


class ReaderDroppedError(StreamError):
    """The sender did without this reader, which was too slow; it may join anew."""


class StreamRefusedError(StreamError, PermissionError):
    """The other side does not let us in; the text says why, and trying again does not help."""


class SinkError(Xspress3Error, OSError):
    """Data could not be put where they should go."""

    exit_code = 8


class ShutdownTimeoutError(Xspress3Error, TimeoutError):
    """A thread did not end within its bound."""

    exit_code = 9
