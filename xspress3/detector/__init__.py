"""A detector as the streamer sees it, and the Xspress3 behind it.

`protocol` says what any detector must do, `timing` turns seconds into the words of the timing
generator, `xspress3` does it with the vendor's library, over `hardware`, which sets it up, and `ring`, out of
which frames are read.
"""

from xspress3.detector.protocol import Detector, Ready
from xspress3.detector.timing import Inputs
from xspress3.detector.xspress3 import DeadTimeModel, Xspress3Detector

__all__ = ["DeadTimeModel", "Detector", "Inputs", "Ready", "Xspress3Detector"]
