"""Numbers of the vendor's header, by name.

All enums are closed: what is given to the library is one of the names, and what it gives back and is
none of them is an error that says so (`xspress3.sdk.check.require_member`, `known`). Error flags alone
may have bits without a name, because newer builds have more of them.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

__all__ = [
    "AcquireInPause",
    "ClockFlag",
    "ClockSource",
    "DeadTimeFlag",
    "DummySystem",
    "ErrorCode",
    "ErrorFlag",
    "GapMode",
    "InitFlag",
    "ItfgCode",
    "ItfgTrigger",
    "ReadoutMode",
    "RunFlag",
    "SyncMode",
    "TimingBit",
    "TimingSource",
    "Unlink",
]

MAX_TIME_FIXED = 0xFFFFFF
MAX_COLLECTION_TICKS = 0xFFFFFFFF
MIN_COLLECTION_TICKS = 2
MAX_ENERGY_BITS = 12
MAX_CARDS = 16
"""Of the builds since 2020; the oldest takes 8, and refuses more with a text of its own."""
MAX_CARD_INDEX = 62
MAX_CHANNELS_PER_CARD = 16
MAX_ROIS = 8
MIN_EVENT_TIME = 2
MAX_EVENT_TIME = 127
MAX_DEBOUNCE_TICKS = 255
MAX_RING_FRAMES = 1 << 20
"""Frames that the library's buffer may hold at most."""


class ErrorCode(IntEnum):
    """What a function returns when it fails."""

    XSP3_ERROR = -1
    XSP3_INVALID_PATH = -2
    XSP3_ILLEGAL_CARD = -3
    XSP3_ILLEGAL_SUBPATH = -4
    XSP3_INVALID_DMA_STREAM = -5
    XSP3_RANGE_CHECK = -6
    XSP3_INVALID_SCOPE_MOD = -7
    XSP3_OUT_OF_MEMORY = -8
    XSP3_ERR_DEV_NOT_FOUND = -9
    XSP3_CANNOT_OPEN_FILE = -10
    XSP3_FILE_READ_FAILED = -11
    XSP3_FILE_WRITE_FAILED = -12
    XSP3_FILE_RENAME_FAILED = -13
    XSP3_LOG_FILE_MISSING = -14
    XSP3_WOULD_BLOCK = -20


class InitFlag(IntFlag):
    """What `config_init` does to the hardware: 0 attaches and touches nothing, `NO_` leaves a part out."""

    NORMAL = 1
    NO_UDP_REGISTERS = 0x10000
    NO_SCOPE_SOCKET = 0x20000
    NO_HISTOGRAM_LUT = 0x40000
    NO_HISTOGRAM_THREADS = 0x80000
    NO_HISTOGRAM_MODULES = 0x100000


class Unlink(IntEnum):
    """Files of shared memory that closing removes; builds before 2024 do not ask."""

    NONE = 0
    CREATED = 1
    ALL = 2


class ReadoutMode(IntFlag):
    """How a Mini is read out; 0 lets the library choose."""

    SEND_SCALARS = 1
    SEND_HIST_FRAMES = 2
    SEND_HIST_LIST = 4
    PASSIVE = 256


class DummySystem(IntEnum):
    """A system that the library makes up, without hardware; none of them can acquire."""

    REAL = 0
    X3 = 1
    X3V7 = 2
    MINI = 3
    X4 = 4


class RunFlag(IntFlag):
    """What a run records."""

    PLAYBACK = 0x1
    SCOPE = 0x2
    SCALERS = 0x4
    HIST = 0x8
    DIAG_HIST = 0x10
    CIRCULAR_BUFFER = 0x100


class ClockSource(IntEnum):
    """Where the clock of the converters comes from; which are allowed depends on the generation."""

    INT = 0
    XTAL = 1
    EXT = 2
    FPGA = 3
    MINI_CDCM61004 = 0x10
    MINI_LMK61E2 = 0x11
    MIDPLANE_CDCM61004 = 0x20
    MIDPLANE_LMK61E2 = 0x21


class ClockFlag(IntFlag):
    """How the clock is set up; SHUTDOWN switches converters off, CHANNEL those of a Mini or Xspress 4."""

    MASTER = 1 << 0
    NO_DITHER = 1 << 1
    STAGE1_ONLY = 1 << 2
    NO_CHECK = 1 << 3
    TP_ENB = 1 << 4
    DIS_OVER_TEMP = 1 << 5
    SHUTDOWN0 = 1 << 6
    SHUTDOWN123 = 1 << 7
    SHUTDOWN4 = 1 << 8
    SHUTDOWN5678 = 1 << 9
    SHUTDOWN_CHANNEL1 = 1 << 10
    SHUTDOWN_CHANNEL2 = 1 << 11
    SHUTDOWN_CHANNEL3 = 1 << 12
    SHUTDOWN_CHANNEL5 = 1 << 13
    SHUTDOWN_CHANNEL6 = 1 << 14
    SHUTDOWN_CHANNEL7 = 1 << 15
    SHUTDOWN_CHANNEL8 = 1 << 16
    SHUTDOWN_CHANNEL9 = 1 << 17
    TS_SYNC = 1 << 30


class TimingSource(IntEnum):
    """What makes frames begin and end: bits 2..0 of the global timing register A."""

    SOFTWARE = 0
    INTERNAL = 1
    SOFTWARE_AND_MARKER = 2
    IDC = 3
    TTL_VETO_ONLY = 4
    TTL_BOTH = 5
    LVDS_VETO_ONLY = 6
    LVDS_BOTH = 7


class TimingBit(IntFlag):
    """Bits of the global timing register A beside the source; those of the run are the library's own."""

    FRAME_ZERO_INVERTED = 1 << 3
    VETO_INVERTED = 1 << 4
    LOOP_IO = 1 << 7
    FRAME_CAPTURE = 1 << 14
    FROM_RADIAL = 1 << 15


DEBOUNCE_SHIFT = 16
"""Place of the debounce ticks, eight bits, in the global timing register A."""
EXTRA_BITS = 0x0F00_F000
"""Bits of it without a field of their own: software markers, frame capture, radial, what the outputs give."""


class ItfgTrigger(IntEnum):
    """What the internal timing generator waits for."""

    BURST = 0
    SOFTWARE = 1
    HARDWARE = 2
    GLOBAL_RESET = 3
    """A reset that is part of the data played back: for tests of the vendor's."""
    SOFTWARE_ONLY_FIRST = 5
    HARDWARE_ONLY_FIRST = 6


class GapMode(IntEnum):
    """Pause between frames of the internal timing generator; the names hold for 80 MHz."""

    GAP_25NS = 0
    GAP_200NS = 1
    GAP_500NS = 2
    GAP_1US = 3

    @property
    def ticks(self) -> int:
        """Length of the pause in clock ticks."""
        return (2, 16, 40, 80)[self]


class AcquireInPause(IntEnum):
    """What the internal timing generator does with events while it waits."""

    OFF = 0
    ALL = 1
    EXCEPT_FIRST = 2


class ItfgCode(IntEnum):
    """What the internal timing generator of a card can do; each kind can do what those before it can."""

    NONE = 0
    MINIMAL = 1
    CONTINUOUS = 2
    CONTINUOUS_MARKER = 3
    COUNTS_TRIGGERS = 4
    COUNTS_TRIGGERS_MARKER = 5
    FULL = 8


class SyncMode(IntEnum):
    """How several cards are wired together."""

    NONE = 0
    LEMO_RADIAL = 1
    LEMO_DAISYCHAIN = 2
    IDC = 3
    MIDPLANE = 4
    LEMO_DAISYCHAIN_TEE = 5


class DeadTimeFlag(IntFlag):
    """How the library corrects for dead time."""

    OMIT_CHANNEL = 1
    USE_GOOD_EVENT = 2


class ErrorFlag(IntFlag):
    """Bits that the progress call sets when something went wrong."""

    PLAYBACK_UNDERRUN = 0x1
    SCOPE_OVERRUN = 0x2
    MINI_HISTOGRAM_OVERRUN = 0x4
    MINI_HISTOGRAM_BAD = 0x8
    MINI_SCALER_OVERRUN = 0x10
    MINI_SCALER_BAD = 0x20
    DIAG_HISTOGRAM_DROPPED = 0x40
    DESCRIPTOR_OVERRUN = 0x200
    DESCRIPTOR_MISMATCH = 0x400
    DESCRIPTOR_SOF_EOF = 0x800
    DESCRIPTOR_COUNT = 0x1000
    SOCKET_ERROR = 0x2000
    CIRCULAR_OVERRUN = 0x10000
    SCALER_DESCRIPTOR_OVERRUN = 0x20000
    SCALER_DESCRIPTOR_MISMATCH = 0x40000
    SCALER_DESCRIPTOR_SOF_EOF = 0x80000
    SCALER_DESCRIPTOR_COUNT = 0x100000
    SCALER_SOCKET_ERROR = 0x200000
    SCALER_CIRCULAR_OVERRUN = 0x1000000
