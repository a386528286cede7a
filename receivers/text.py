"""Text that came over the network, made safe to show and to store."""

from __future__ import annotations

__all__ = ["printable", "storable"]


def printable(text: str, limit: int = 200) -> str:
    """One line without control characters, such as those that steer a terminal."""
    line = "".join(char if char.isprintable() else "?" for char in text[: limit + 1])
    return line if len(line) <= limit else line[: limit - 1] + "…"


def storable(text: str) -> str:
    """Text that HDF5 takes: no zero bytes, and only what UTF-8 can say."""
    return text.replace("\0", "?").encode("utf-8", "replace").decode()
