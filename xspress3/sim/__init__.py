"""A simulated Xspress3: a library file with the C interface of the vendor's, and help to use it.

The library stands in for the real one at its path, for any client of the SDK::

    from xspress3.sim import environment, library_path

    os.environ.update(environment(channels=4, source="pattern", clock="demand"))
    library = open_library(library_path())

- `library_path`: where the library is.
- `environment`: what shall be simulated, as environment variables.
- `write_settings`: a settings directory for `xsp3_restore_settings`.
- `write_playback`: a recording in the form that the simulator plays.
- `xspress3.sim.trigger`: triggers and gates for one that runs in another process.
- `xspress3.sim.control.SimControl`: change it, let time pass, and ask for the truth while it runs.
"""

from __future__ import annotations

from xspress3.sim.description import environment
from xspress3.sim.library import library_path
from xspress3.sim.playback import write_playback
from xspress3.sim.settings import write_settings

__all__ = ["environment", "library_path", "write_playback", "write_settings"]
