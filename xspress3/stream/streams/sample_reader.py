"""What the messages of a stream mean to who wants its samples: chunks, gaps, ends, and sessions anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Union

import numpy.typing as npt

from xspress3.errors import (
    ConfigurationError,
    ProtocolError,
    SenderDiedError,
    SequenceGapError,
    StateError,
    StreamEndedError,
)
from xspress3.stream.messages import (
    Alive,
    ArrayInfo,
    Block,
    EndReason,
    Loss,
    Message,
    SessionEnd,
    SessionStart,
)
from xspress3.stream.publisher import Samples
from xspress3.stream.streams.chunk_sender import STREAM
from xspress3.stream.streams.options import StreamOptions
from xspress3.stream.tracker import Gap, SessionTracker

__all__ = ["SampleReader", "Told"]

Array = npt.NDArray[Any]
Told = Union[Gap, StreamEndedError, SequenceGapError]


class SampleReader:
    """Takes what comes from a source, and says what it means; no sockets, no clocks.

    Parameters
    ----------
    endpoint
        For messages.
    array_name
        Of the array whose samples are wanted, of a stream that carries several; `None` for the first.
    spec
        Options that the stream must have.
    give
        Takes each chunk: number of the sample after the last one, and the samples.
    tell
        Takes each gap and each end.
    restart
        Called when another session has begun.

    Attributes
    ----------
    start, tracker
        Of the session that is on; `None` before the first.
    params
        What the stream says of itself, empty where it says nothing.
    """

    def __init__(
        self,
        endpoint: str,
        array_name: str | None,
        spec: Mapping[str, Any],
        *,
        give: Callable[[int, Array], None],
        tell: Callable[[Told], None],
        restart: Callable[[], None],
    ) -> None:
        self._endpoint = endpoint
        self._array_name = array_name
        self._spec = spec
        self._give = give
        self._tell = tell
        self._restart = restart
        self.start: SessionStart | None = None
        self.tracker: SessionTracker | None = None
        self.params: Mapping[str, Any] = {}

    @property
    def next_index(self) -> int:
        """Number of the sample after the last one that came, or that is known not to come."""
        return 0 if self.tracker is None else self.tracker.next_frame

    def take(self, taken: Union[Message, Samples]) -> None:
        """Take a message or a chunk.

        Raises
        ------
        ProtocolError
            For what cannot be; the next call goes on.
        ConfigurationError
            When the stream is not as `spec` says, or has no array of that name.
        """
        if not isinstance(taken, tuple):
            self._take_message(taken)
            return
        end, array, sequence, _ = taken
        tracker, first = self.tracker, taken[0] - len(array)
        if tracker is None or not tracker.follow(first, end, sequence):
            fed = self._need_tracker().jump(first, end, sequence)
            self._lose(fed.gaps)
            if not fed.is_new:
                return
        self._give(end, array)

    def need_start(self) -> SessionStart:
        """The start of the session; `StateError` before the first."""
        if self.start is None:
            raise StateError("the stream has not begun, so the type of its samples is not known")
        return self.start

    def array_info(self, start: SessionStart) -> ArrayInfo:
        """The array whose samples are wanted."""
        if self._array_name is None:
            return start.arrays[0]
        for info in start.arrays:
            if info.name == self._array_name:
                return info
        names = [info.name for info in start.arrays]
        raise ConfigurationError(f"array: {self._array_name!r}, the stream has {names}")

    def _take_message(self, message: Message) -> None:
        if isinstance(message, SessionStart):
            self._begin(message)
        elif isinstance(message, (Block, Loss, SessionEnd)):
            fed = self._need_tracker().feed(message)
            self._lose(fed.gaps)
            if isinstance(message, Block) and fed.is_new:
                self._take_block(message)
            elif isinstance(message, SessionEnd) and message.reason is not EndReason.RESTARTED:
                text = f"{self._endpoint}: {message.reason.value}; {message.text}"
                self._tell(StreamEndedError(text))
        elif isinstance(message, Alive) and message.envelope.session_id is None and self.start is not None:
            self._missed_the_end()

    def _take_block(self, block: Block) -> None:
        """Give the chunks of `block` as they were sent."""
        array = block[self.array_info(self.need_start()).name].decode()
        if not block.piece:
            self._give(block.end_frame, array)
            return
        for at in range(0, len(array), block.piece):
            piece = array[at : at + block.piece]
            self._give(block.first_frame + at + len(piece), piece)

    def _begin(self, start: SessionStart) -> None:
        known, tracker = self.start, self.tracker
        if known is not None and tracker is not None and start.is_repeat and _is_same_session(known, start):
            self._lose(tracker.rejoin(start))
            return
        self._check_kind(start)
        self._require(start)
        if known is not None and tracker is not None and tracker.end is None:
            self._tell(self._broken_off(known, start))
        self.start, self.tracker = start, SessionTracker(start)
        self.tracker.lost = 0  # who joins late does not miss what was before
        if isinstance(start.metadata.get(STREAM), Mapping):
            self.params = start.metadata[STREAM]
        if known is not None:
            self._restart()

    def _check_kind(self, start: SessionStart) -> None:
        """Refuse a session whose samples are of another type or shape than those before."""
        info = self.array_info(start)
        if self.start is not None:
            before = self.array_info(self.start)
            if (info.dtype, info.shape) != (before.dtype, before.shape):
                raise ProtocolError(
                    f"the stream changed from {before.dtype} {before.shape} to {info.dtype} {info.shape}"
                )

    def _require(self, start: SessionStart) -> None:
        """Refuse a stream that is not as `spec` says."""
        said = start.metadata.get(STREAM)
        if isinstance(said, Mapping):
            StreamOptions.from_params(said).require(self._spec)
            return
        info = self.array_info(start)
        known = {"dtype": info.dtype, "shape": (-1, *info.shape), "units": info.units}
        asked = {name: value for name, value in self._spec.items() if name in known}
        StreamOptions(**known).require(asked)  # type: ignore[arg-type]  # checked there

    def _broken_off(self, known: SessionStart, start: SessionStart) -> Told:
        """What to say of a session that is followed by another and did not end."""
        where = f"{self._endpoint}: after sample {self.next_index - 1} it"
        if known.envelope.epoch != start.envelope.epoch:
            return SenderDiedError(f"{where} was started again, without an end of what was before")
        return SequenceGapError(f"{where} began again at 0; what came between was not taken in time")

    def _missed_the_end(self) -> None:
        """The sender is there and in no session: ours ended while we were cut off."""
        tracker = self.tracker
        if tracker is not None and tracker.end is None and tracker.received:
            self._tell(StreamEndedError(f"{self._endpoint}: ended while cut off"))
            self.tracker = None

    def _lose(self, gaps: tuple[Gap, ...]) -> None:
        for gap in gaps:
            self._tell(gap)

    def _need_tracker(self) -> SessionTracker:
        if self.tracker is None:
            raise ProtocolError("samples of a session whose start did not come")
        return self.tracker


def _is_same_session(known: SessionStart, start: SessionStart) -> bool:
    mine, its = known.envelope, start.envelope
    return (mine.stream_id, mine.epoch, mine.session_id) == (its.stream_id, its.epoch, its.session_id)
