"""Streams within one process: objects are handed over, nothing is packed, nothing is copied.

The contracts are those of `publisher`; what a reader gets is the very memory that was sent.
"""

from xspress3.stream.local.publisher import LocalPublisher
from xspress3.stream.local.subscriber import LocalSubscriber, Taken, samples_block

__all__ = ["LocalPublisher", "LocalSubscriber", "Taken", "samples_block"]
