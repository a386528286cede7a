"""The recorder that fits a stream: each kind of stream has its own."""

from __future__ import annotations

from collections.abc import Callable

from receivers.recorder.agent import Recorder
from receivers.recorder.loop import StreamRecorder
from receivers.recorder.options import Options, Source
from xspress3.errors import ConfigurationError

__all__ = ["make_recorder"]

G3_SCHEME = "g3://"


def make_recorder(source: Source, options: Options, notify: Callable[[str], None]) -> Recorder:
    """A recorder of what `source` sends: blocks of ours, or G3 frames at `g3://HOST:PORT`.

    Raises
    ------
    ConfigurationError
        When the address cannot be, or a package that it takes is missing.
    """
    if source.endpoint.startswith(G3_SCHEME):
        return _g3_recorder(source, options, notify)
    return StreamRecorder(source, options, notify)


def _g3_recorder(source: Source, options: Options, notify: Callable[[str], None]) -> Recorder:
    try:
        from receivers.g3.recorder import G3Recorder  # noqa: PLC0415  # google-crc32c is an extra
        from receivers.g3.source import G3Source  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"{error.name} is missing: pip install '.[g3]' in a clone of xspress3-streamer"
        ) from error
    return G3Recorder(G3Source.parse(f"{source.endpoint}={source.stream_id}"), options, notify)
