"""The vendor's C library from Python: found, opened, and each call checked.

`library` finds and opens the file, `binding` has one checked method for each C function of the
table `_cdef.h`, `constants` names the numbers. Nothing is opened on import.
"""

from xspress3.sdk.binding import Progress, Sdk
from xspress3.sdk.calls.dead_time import DeadTimeParameters
from xspress3.sdk.calls.formats import Roi
from xspress3.sdk.library import SdkLibrary, open_library

__all__ = ["DeadTimeParameters", "Progress", "Roi", "Sdk", "SdkLibrary", "open_library"]
