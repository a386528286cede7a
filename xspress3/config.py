"""What can be chosen, with its defaults: argument before environment before default.

Environment variables are named after the fields of `DetectorConfig`: `XSPRESS3_LIBRARY`,
`XSPRESS3_BASE_IP`, `XSPRESS3_CHANNELS`, `XSPRESS3_RING_FRAMES`, `XSPRESS3_SETTINGS`,
`XSPRESS3_CARDS`, `XSPRESS3_SYNC_MODE`. Of `StreamerConfig` the keys can be there too:
`XSPRESS3_CURVE_SECRET_KEY` and `XSPRESS3_CURVE_ALLOWED_KEYS`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xspress3.errors import ConfigurationError

__all__ = ["DATA_PORT", "LOOPBACK", "MONITOR_PORT", "DetectorConfig", "StreamerConfig", "key_values"]

LOOPBACK = "127.0.0.1"
DATA_PORT = 9999
MONITOR_PORT = 9998
_TIMES = ("linger", "stall_timeout", "block_time", "latency", "gather_time", "slow_reader_timeout")
_OLD_DIALECTS = ("multipart", "legacy")
_RANGES = {
    "data_port": (0, 65535),
    "monitor_port": (0, 65535),
    "compression_threads": (1, 64),
    "queue_messages": (1, 4096),
    "backlog_bytes": (0, 1 << 40),
}


@dataclass(frozen=True)
class DetectorConfig:
    """How to reach a detector and what to ask of it when it is opened.

    Parameters
    ----------
    library
        Path of the library; `None` for the one that environment or system names.
    base_ip
        Address of the host's side; `None` is the library's default.
    base_port, base_mac
        First UDP port, and first address of the cards' network; -1 and `None` are the library's defaults.
    n_channels
        Channels to use; `None` for all that there are.
    ring_frames
        Frames that the library's ring shall hold: 16 KiB for each channel and frame.
    settings
        Directory with the detector's calibration, as the vendor delivers it; `None` for none.
    n_cards
        Cards, of which the first leads.
    sync_mode
        How several cards are wired together, a number of `xspress3.sdk.constants.SyncMode`.
    """

    library: str | None = None
    base_ip: str | None = None
    base_port: int = -1
    base_mac: str | None = None
    n_channels: int | None = None
    ring_frames: int = 16384
    settings: str | None = None
    n_cards: int = 1
    sync_mode: int = 1

    def __post_init__(self) -> None:
        if self.sync_mode not in range(6):
            raise ConfigurationError(f"sync_mode: {self.sync_mode}, allowed is 0..5")

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, **arguments: Any
    ) -> DetectorConfig:
        """Configuration from arguments that are not `None`, then the environment, then defaults."""
        variables = os.environ if environment is None else environment
        chosen: dict[str, Any] = {
            "library": variables.get("XSPRESS3_LIBRARY") or None,
            "base_ip": variables.get("XSPRESS3_BASE_IP") or None,
            "n_channels": _integer(variables, "XSPRESS3_CHANNELS"),
            "ring_frames": _integer(variables, "XSPRESS3_RING_FRAMES"),
            "settings": variables.get("XSPRESS3_SETTINGS") or None,
            "n_cards": _integer(variables, "XSPRESS3_CARDS"),
            "sync_mode": _integer(variables, "XSPRESS3_SYNC_MODE"),
        }
        chosen.update({name: value for name, value in arguments.items() if value is not None})
        return cls(**{name: value for name, value in chosen.items() if value is not None})


def _integer(variables: Mapping[str, str], name: str) -> int | None:
    text = variables.get(name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise ConfigurationError(f"{name}={text!r}, allowed is an integer") from None


@dataclass(frozen=True)
class StreamerConfig:
    """How frames leave.

    Parameters
    ----------
    stream_id
        Name of the source, constant over sessions.
    interface
        Address to listen on; other than loopback lets anyone there read the data.
    data_port, monitor_port
        0 takes any free port.
    compression
        `"bslz4"` or `"none"`.
    block_bytes
        Size that a block shall not exceed before compression, unless one frame alone does.
    block_time
        Time of a full block in s, as far as `block_bytes` allows; files have chunks of that size.
    latency
        Seconds that a frame may wait for others to fill a block, when that is how long a block takes.
    gather_time
        Seconds that it waits for others when a block takes longer than that.
    compression_threads
        Threads that compress; `None` takes one for each processor but one, up to four.
    queue_messages
        Blocks that may be on the way to one reader before it is waited for.
    backlog_bytes
        Compressed data of the running session that are kept for readers which come late or come back.
    required_readers
        Names of readers without which nothing is armed.
    slow_reader
        What becomes of a lossless reader that holds up the stream: `"wait"` for it as long as it takes,
        or `"drop"`: after `slow_reader_timeout` s it is not waited for any more, and told what it misses.
    old_dialects
        Ports on which sessions are sent a second time, for readers of the dialects `"multipart"` and
        `"legacy"`; 0 takes any port.
    stall_timeout
        Seconds, beside the time of two frames, after which an internally timed session that gives no
        frame has failed.
    linger
        Seconds that closing waits for readers to take what is queued.
    allow_control
        Whether clients of the monitor may set windows.
    curve_secret_key, curve_allowed_keys
        File with the secret key of this server and directory with the public keys of readers and of
        clients of the monitor; nobody else is admitted. `None` for both admits everybody.
    """

    stream_id: str = "xspress3"
    interface: str = LOOPBACK
    data_port: int = DATA_PORT
    monitor_port: int = MONITOR_PORT
    compression: str = "bslz4"
    block_bytes: int = 4 << 20
    block_time: float = 0.05
    latency: float = 0.008
    gather_time: float = 0.001
    compression_threads: int | None = None
    queue_messages: int = 64
    backlog_bytes: int = 32 << 20
    required_readers: tuple[str, ...] = ()
    slow_reader: str = "wait"
    slow_reader_timeout: float = 5.0
    old_dialects: Mapping[str, int] = field(default_factory=dict)
    stall_timeout: float = 10.0
    linger: float = 10.0
    allow_control: bool = False
    curve_secret_key: str | None = None
    curve_allowed_keys: str | None = None

    def __post_init__(self) -> None:
        for name, words in (("compression", ("bslz4", "none")), ("slow_reader", ("wait", "drop"))):
            if getattr(self, name) not in words:
                allowed = " and ".join(map(repr, words))
                raise ConfigurationError(f"{name}: {getattr(self, name)!r}, allowed are {allowed}")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigurationError(f"{name}: {value}, allowed is {low}..{high}")
        for name in _TIMES:
            value = getattr(self, name)
            if not 0 <= value <= 3600:
                raise ConfigurationError(f"{name}: {value} s, allowed is 0 s to 3600 s")
        self._check_old_dialects()
        if not self.stream_id:
            raise ConfigurationError("stream_id: empty, allowed is a name such as 'xspress3'")
        if (self.curve_secret_key is None) != (self.curve_allowed_keys is None):
            raise ConfigurationError(
                f"curve_secret_key: {self.curve_secret_key!r} with curve_allowed_keys: "
                f"{self.curve_allowed_keys!r}, allowed are both or neither"
            )

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, **arguments: Any
    ) -> StreamerConfig:
        """Configuration from arguments that are not `None`, then the environment, then defaults."""
        variables = os.environ if environment is None else environment
        keys = {
            "curve_secret_key": variables.get("XSPRESS3_CURVE_SECRET_KEY") or None,
            "curve_allowed_keys": variables.get("XSPRESS3_CURVE_ALLOWED_KEYS") or None,
        }
        given = {name: value for name, value in arguments.items() if value is not None}
        return cls(**{**keys, **given})

    def _check_old_dialects(self) -> None:
        for name, port in self.old_dialects.items():
            if name not in _OLD_DIALECTS or not 0 <= port <= 65535:
                raise ConfigurationError(
                    f"old_dialects: {name!r} at port {port}, allowed are {_OLD_DIALECTS} at ports 0..65535"
                )

    @property
    def packing_threads(self) -> int:
        """Threads that compress, 0 where nothing is compressed."""
        if self.compression == "none":
            return 0
        if self.compression_threads is not None:
            return self.compression_threads
        return max(1, min(4, len(os.sched_getaffinity(0)) - 1))

    @property
    def drop_after(self) -> float | None:
        """Seconds after which a slow reader is not waited for any more; `None` for never."""
        return self.slow_reader_timeout if self.slow_reader == "drop" else None


def key_values(texts: Iterable[str], where: str) -> dict[str, str]:
    """Keys and values of texts `KEY=VALUE`; of a key that is there twice, the last value.

    Parameters
    ----------
    where
        Option or property that holds them, for the error.

    Raises
    ------
    ConfigurationError
        When one of them is no such text.
    """
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip().isidentifier():
            raise ConfigurationError(f"{where}: {text!r}, allowed is KEY=VALUE")
        pairs[key.strip()] = value.strip()
    return pairs
