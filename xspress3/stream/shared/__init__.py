"""Memory that several processes of one machine look at.

`SharedMem` and `SharedArray` are plain memory with a name. What the processes of a stream hand each
other goes through the slot ring on top of it.
"""

from xspress3.stream.shared.segment import SharedArray, SharedMem

__all__ = ["SharedArray", "SharedMem"]
