"""Where a sender of G3 frames is, and how what it sends is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from receivers.hdf5.space import MIN_FREE_BYTES
from receivers.recorder.rules import RECORDER, TIME_PER_FILE, Preset
from xspress3.errors import ConfigurationError

__all__ = ["DEFAULT_STREAM", "SCHEME", "G3Settings", "G3Source"]

SCHEME = "g3://"
DEFAULT_STREAM = "g3"
QUEUE_BYTES = 256 << 20
MAX_PORT = 65535


@dataclass(frozen=True)
class G3Source:
    """A sender, and the name of its stream where frames do not say it."""

    host: str
    port: int
    stream_id: str = DEFAULT_STREAM

    @classmethod
    def parse(cls, text: str) -> G3Source:
        """The sender that `g3://host:port` or `g3://host:port=stream_id` means."""
        address, _, stream_id = text.removeprefix(SCHEME).partition("=")
        host, _, port = address.rpartition(":")
        is_port = port.isascii() and port.isdecimal() and 1 <= int(port) <= MAX_PORT
        if not (text.startswith(SCHEME) and host and is_port):
            raise ConfigurationError(
                f"stream {text!r}, allowed is {SCHEME}host:port or {SCHEME}host:port=name"
            )
        return cls(host.strip("[]"), int(port), stream_id or DEFAULT_STREAM)

    @property
    def endpoint(self) -> str:
        """Its address as text."""
        return f"{SCHEME}{self.host}:{self.port}"


@dataclass(frozen=True)
class G3Settings:
    """How frames are recorded.

    Parameters
    ----------
    data_dirs
        Where files go, the first one that has room.
    preset
        Whether START and END are obeyed, and how long a gap may be.
    time_per_file
        Seconds after which a file ends.
    queue_bytes
        How much may wait in memory for room on a disk.
    min_free_bytes
        Space left on a disk below which nothing is written there.
    """

    data_dirs: Sequence[Path]
    preset: Preset = RECORDER
    time_per_file: float = TIME_PER_FILE
    queue_bytes: int = QUEUE_BYTES
    min_free_bytes: int = MIN_FREE_BYTES

    def __post_init__(self) -> None:
        if not self.data_dirs:
            raise ConfigurationError("no directory for data")
        if not self.time_per_file > 0 or not self.preset.gap > 0:
            raise ConfigurationError(
                f"time per file {self.time_per_file} s and gap {self.preset.gap} s, allowed is more than 0 s"
            )

    @property
    def silence(self) -> float:
        """Seconds without a byte after which a connection is given up.

        A sender that was closed does not always say so. But one that is only slow would lose what is in
        its queue, so nothing shorter than a gap counts.
        """
        return max(self.preset.silence, self.preset.gap)
