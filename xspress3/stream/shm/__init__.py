"""Streams through shared memory: blocks lie in a ring of slots, readers look at them where they are.

Readers find the ring by joining the stream as any reader does: the start of the session names it. Who
cannot reach it, being on another host, stays and gets blocks by the socket.
"""

from xspress3.stream.shm.publisher import ShmPublisher
from xspress3.stream.shm.ring_name import RING, ring_of
from xspress3.stream.shm.subscriber import ShmSubscriber

__all__ = ["RING", "ShmPublisher", "ShmSubscriber", "ring_of"]
