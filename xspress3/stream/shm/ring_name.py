"""How a session says in which ring its blocks lie, and what the ring says of each of them."""

from __future__ import annotations

from xspress3.stream.messages import SessionStart

__all__ = ["BARE", "RING", "WHOLE", "ring_of"]

RING = "shared_memory_ring"
"""Key of a start's metadata that names the ring."""
WHOLE, BARE = 1, 0
"""Lowest bit of a record's `session_id`: its parts are a message of the codec, or bare samples."""


def ring_of(start: SessionStart) -> str | None:
    """Name of the ring in which the blocks of a session lie, `None` where they come by the socket."""
    name = start.metadata.get(RING)
    return name if isinstance(name, str) else None
