"""What a recorder is told, with its defaults in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import zmq

from receivers.hdf5.space import MIN_FREE_BYTES
from receivers.recorder.rules import RECORDER, TIME_PER_FILE, Preset
from xspress3.errors import ConfigurationError
from xspress3.stream.security import no_keys

__all__ = ["FLUSH_INTERVAL", "QUEUE_BYTES", "Options", "Source", "source_from_text"]

QUEUE_BYTES = 256 << 20
FLUSH_INTERVAL = 1.0
DEFAULT_STREAM_ID = "stream"


@dataclass(frozen=True)
class Options:
    """How sessions are recorded.

    Parameters
    ----------
    data_dirs
        Where files go: the first that has room. The index lies in the first one.
    queue_bytes
        Payload of each stream that may wait in memory for space.
    min_free_bytes
        Space left on a disk below which nothing more is written there.
    """

    data_dirs: tuple[Path, ...]
    preset: Preset = RECORDER
    time_per_file: float = TIME_PER_FILE
    queue_bytes: int = QUEUE_BYTES
    min_free_bytes: int = MIN_FREE_BYTES
    flush_interval: float = FLUSH_INTERVAL

    def __post_init__(self) -> None:
        if not self.data_dirs:
            raise ConfigurationError("no data directory, at least one is needed")
        for name in ("time_per_file", "flush_interval"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name}: {getattr(self, name)} s, allowed is more than 0 s")
        if self.queue_bytes < 0 or self.min_free_bytes < 0:
            raise ConfigurationError(
                f"queue_bytes {self.queue_bytes}, min_free_bytes {self.min_free_bytes}: allowed is 0 and more"
            )


@dataclass(frozen=True)
class Source:
    """A stream to be recorded.

    Parameters
    ----------
    endpoint
        `tcp://HOST:PORT` or `ipc://PATH` of the sender.
    stream_id
        Takes the place of a stream id where the sender gives none.
    reader
        Name by which the sender knows this reader.
    secure
        Puts keys on the socket.
    """

    endpoint: str
    stream_id: str = DEFAULT_STREAM_ID
    reader: str = "recorder"
    secure: Callable[[zmq.Socket[bytes]], None] = no_keys

    def __post_init__(self) -> None:
        if not self.stream_id:
            raise ConfigurationError(f"{self.endpoint}: the stream id is empty")

    @property
    def name(self) -> str:
        """What people are told of it."""
        return self.endpoint if self.stream_id == DEFAULT_STREAM_ID else f"{self.endpoint}={self.stream_id}"


def source_from_text(text: str) -> tuple[str, str]:
    """Endpoint and stream id in `tcp://HOST:PORT[=STREAM_ID]`.

    Raises
    ------
    ConfigurationError
        When it is not of this form.
    """
    endpoint, has_id, stream_id = text.partition("=")
    scheme, _, rest = endpoint.partition("://")
    if not scheme or not rest or (has_id and not stream_id):
        raise ConfigurationError(f"stream {text!r}, allowed is tcp://HOST:PORT or tcp://HOST:PORT=STREAM_ID")
    return endpoint, stream_id or DEFAULT_STREAM_ID
