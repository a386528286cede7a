"""Where a sender of G3 frames is."""

from __future__ import annotations

from dataclasses import dataclass

from receivers.recorder.options import source_from_text
from xspress3.errors import ConfigurationError

__all__ = ["SCHEME", "G3Source"]

SCHEME = "g3://"
DEFAULT_STREAM = "stream"
MAX_PORT = 65535


@dataclass(frozen=True)
class G3Source:
    """A sender, and the name of its stream where frames do not say it."""

    host: str
    port: int
    stream_id: str = DEFAULT_STREAM

    @classmethod
    def parse(cls, text: str) -> G3Source:
        """The sender that `g3://HOST:PORT` or `g3://HOST:PORT=STREAM_ID` means.

        Raises
        ------
        ConfigurationError
            When it is not of this form.
        """
        endpoint, stream_id = source_from_text(text)
        host, _, port = endpoint.removeprefix(SCHEME).rpartition(":")
        is_port = port.isascii() and port.isdecimal() and 1 <= int(port) <= MAX_PORT
        if not (text.startswith(SCHEME) and host and is_port):
            raise ConfigurationError(
                f"stream {text!r}, allowed is {SCHEME}HOST:PORT or {SCHEME}HOST:PORT=STREAM_ID"
            )
        return cls(host.strip("[]"), int(port), stream_id)

    @property
    def endpoint(self) -> str:
        """Its address as text."""
        return f"{SCHEME}{self.host}:{self.port}"

    @property
    def name(self) -> str:
        """What people are told of it."""
        return self.endpoint if self.stream_id == DEFAULT_STREAM else f"{self.endpoint}={self.stream_id}"
