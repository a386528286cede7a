"""Helpers for tests, ours and those of others who build on this package.

`FakeDetector` is a detector without a library, whose every frame can be told beforehand; it does what
hardware does only on bad days: overwrite frames, stand still, fail.
"""

from xspress3.testing.fake_detector import FakeDetector, fake_frames

__all__ = ["FakeDetector", "fake_frames"]
