"""A configured system: every C function of `_cdef.h` as a checked method.

Names are those of the SDK without `xsp3_`. What the library would write unchecked into a register is
checked here first, so a `ConfigurationError` means that the hardware was not touched. Methods that
read data or progress take no lock and may be called from any thread; all others are serialised.
The methods stand in `xspress3.sdk.calls`, a module for each section of the table.
"""

from __future__ import annotations

from typing import Any

from xspress3.sdk._sdk import ffi
from xspress3.sdk.calls.base import c_string
from xspress3.sdk.calls.dead_time import DeadTimeCalls
from xspress3.sdk.calls.formats import FormatCalls
from xspress3.sdk.calls.housekeeping import HousekeepingCalls
from xspress3.sdk.calls.information import InformationCalls
from xspress3.sdk.calls.reading import ReadCalls
from xspress3.sdk.calls.run import SLOT_STATUS_DTYPE, Progress, RunCalls
from xspress3.sdk.calls.settings import SettingsCalls
from xspress3.sdk.calls.timing import TimingCalls
from xspress3.sdk.check import require_address, require_between, require_flags, require_mac, require_member
from xspress3.sdk.constants import (
    MAX_CARD_INDEX,
    MAX_CARDS,
    MAX_CHANNELS_PER_CARD,
    MAX_RING_FRAMES,
    DummySystem,
    InitFlag,
    ReadoutMode,
    Unlink,
)
from xspress3.sdk.library import SdkLibrary

__all__ = ["SLOT_STATUS_DTYPE", "Progress", "Sdk"]

LIBRARY_CHOOSES = ReadoutMode(0)


class Sdk(
    InformationCalls,
    SettingsCalls,
    FormatCalls,
    TimingCalls,
    RunCalls,
    ReadCalls,
    DeadTimeCalls,
    HousekeepingCalls,
):
    """A configured system of one or more cards, open until `close`::

    sdk = Sdk.config(open_library(), n_cards=1, ring_frames=16384, base_ip="192.168.0.1")
    try:
        print(sdk.get_num_chan())
    finally:
        sdk.close()
    """

    def __init__(self, library: SdkLibrary, handle: int) -> None:
        self.library = library
        self.handle = handle
        self.is_open = True

    @classmethod
    def config(
        cls,
        library: SdkLibrary,
        *,
        n_cards: int = 1,
        ring_frames: int = 16384,
        base_ip: str | None = None,
        base_port: int = -1,
        base_mac: str | None = None,
        n_channels: int | None = None,
        card_index: int = 0,
    ) -> Sdk:
        """Connect to the hardware.

        Parameters
        ----------
        ring_frames
            Frames that the library's buffer shall hold, 1..1048576.
        base_ip
            IPv4 address of the host's side; card n answers at the one 1 + n above. `None` is the
            library's own default.
        n_channels
            `None` for all that there are.

        Raises
        ------
        SdkConnectionError
            When nobody answers.
        """
        call = "xsp3_config"
        arguments = _config_arguments(
            call,
            n_cards=n_cards,
            ring_frames=ring_frames,
            base_ip=base_ip,
            base_port=base_port,
            base_mac=base_mac,
            n_channels=n_channels,
            card_index=card_index,
        )
        return cls(library, library.call(call, *arguments))

    @classmethod
    def config_init(
        cls,
        library: SdkLibrary,
        *,
        do_init: InitFlag = InitFlag.NORMAL,
        readout: ReadoutMode = LIBRARY_CHOOSES,
        dummy: DummySystem = DummySystem.REAL,
        **fields: Any,
    ) -> Sdk:
        """As `config`, with control of what is initialised; 0 attaches without touching the hardware.

        Parameters
        ----------
        readout
            How a Mini is read out; 0 lets the library choose.
        dummy
            A system that the library makes up itself.
        **fields
            Those of `config`.
        """
        call = "xsp3_config_init"
        words = (
            int(require_flags(call, "do_init", do_init, InitFlag)),
            int(require_flags(call, "readout", readout, ReadoutMode)),
            int(require_member(call, "dummy", dummy, DummySystem)),
        )
        return cls(library, library.call(call, *_config_arguments(call, **fields), *words))

    def close(self, unlink: Unlink = Unlink.NONE) -> None:
        """Release the hardware, and shared memory where the build can; a second call does nothing."""
        call = "xsp3_close"
        files = require_member(call, "unlink", unlink, Unlink)
        if self.is_open:
            self.is_open = False
            self.library.call(call, self.handle, int(files))


def _config_arguments(
    call: str,
    *,
    n_cards: int = 1,
    ring_frames: int = 16384,
    base_ip: str | None = None,
    base_port: int = -1,
    base_mac: str | None = None,
    n_channels: int | None = None,
    card_index: int = 0,
) -> tuple[Any, ...]:
    """The ten arguments that both functions of configuration begin with, checked."""
    most_channels = MAX_CHANNELS_PER_CARD * n_cards
    return (
        require_between(call, "n_cards", n_cards, 1, MAX_CARDS),
        require_between(call, "ring_frames", ring_frames, 1, MAX_RING_FRAMES),
        ffi.NULL if base_ip is None else c_string(require_address(call, "base_ip", base_ip)),
        require_between(call, "base_port", base_port, -1, 65535),
        ffi.NULL if base_mac is None else c_string(require_mac(call, "base_mac", base_mac)),
        -1 if n_channels is None else require_between(call, "n_channels", n_channels, 1, most_channels),
        1,
        ffi.NULL,
        0,
        require_between(call, "card_index", card_index, 0, MAX_CARD_INDEX),
    )
