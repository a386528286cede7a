"""Helpers for tests, ours and those of others who build on this package.

`FakeDetector` is a detector without a library, whose every frame can be told beforehand; it does what
hardware does only on bad days: overwrite frames, stand still, fail. `check_transport` is what every
transport of messages must keep to.
"""

from xspress3.testing.ends import TransportPair
from xspress3.testing.fake_detector import FakeDetector, fake_frames
from xspress3.testing.transport import check_transport, transport_checks

__all__ = ["FakeDetector", "TransportPair", "check_transport", "fake_frames", "transport_checks"]
