"""One checked method for each C function of `_cdef.h`.

Names are those of the SDK without `xsp3_`. What the library would write unchecked into a register is
checked here first, so a `ConfigurationError` means that the hardware was not touched. Methods that
read data or progress take no lock and may be called from any thread; all others are serialised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError
from xspress3.model import MAX_ITFG_FRAMES, N_BINS, N_SCALERS, Generation, Window
from xspress3.sdk._sdk import ffi
from xspress3.sdk.check import require_address, require_between
from xspress3.sdk.constants import (
    MAX_CARDS,
    MAX_CHANNELS_PER_CARD,
    MAX_COLLECTION_TICKS,
    MAX_ENERGY_BITS,
    MAX_RING_FRAMES,
    MAX_TIME_FIXED,
    MIN_COLLECTION_TICKS,
    ClockFlag,
    ClockSource,
    ErrorFlag,
    GapMode,
    ItfgTrigger,
    RunFlag,
)
from xspress3.sdk.library import SdkLibrary

__all__ = ["SLOT_STATUS_DTYPE", "Progress", "Sdk"]

ALL = -1
"""For a card or a channel: each of them."""
KEEP_SHARED_MEMORY = 0
_WORD = 0xFFFFFFFF


@dataclass(frozen=True)
class Progress:
    """How far a run is: frames 0 to `complete - 1` are there on every channel.

    `furthest` is the same of the channel that is ahead of the others.
    """

    complete: int
    furthest: int
    flags: ErrorFlag


SLOT_STATUS_DTYPE = np.dtype([("uses", "<i4"), ("frame", "<i8"), ("markers", "<i4")], align=True)
"""What a place of the ring holds: uses since the last acknowledge, and the frame's number."""


class Sdk:
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
        address = ffi.NULL if base_ip is None else _c_string(require_address(call, "base_ip", base_ip))
        handle = library.call(
            call,
            require_between(call, "n_cards", n_cards, 1, MAX_CARDS),
            require_between(call, "ring_frames", ring_frames, 1, MAX_RING_FRAMES),
            address,
            require_between(call, "base_port", base_port, -1, 65535),
            ffi.NULL if base_mac is None else _c_string(base_mac),
            -1 if n_channels is None else _channels(call, n_channels, n_cards),
            1,
            ffi.NULL,
            0,
            require_between(call, "card_index", card_index, 0, 62),
        )
        return cls(library, handle)

    def close(self) -> None:
        """Release the hardware; a second call does nothing."""
        if self.is_open:
            self.is_open = False
            self.library.call("xsp3_close", self.handle, KEEP_SHARED_MEMORY)

    # Information

    def get_revision(self) -> int:
        """Packed firmware revision of the first card: code, major, minor in 8, 12 and 12 bits."""
        return int(self._call("xsp3_get_revision"))

    def get_generation(self, card: int = 0) -> Generation:
        """Kind of electronics."""
        return Generation(self._call("xsp3_get_generation", card))

    def get_num_chan(self) -> int:
        """Channels in use."""
        return int(self._call("xsp3_get_num_chan"))

    def get_max_num_chan(self) -> int:
        """Channels that the hardware has."""
        return int(self._call("xsp3_get_max_num_chan"))

    def get_num_cards(self) -> int:
        """Cards."""
        return int(self._call("xsp3_get_num_cards"))

    def get_bins_per_mca(self) -> int:
        """Bins of a full MCA, whatever the format of the run is."""
        return int(self._call("xsp3_get_bins_per_mca"))

    def get_clock_period(self, card: int = 0) -> float:
        """Length of a tick in s."""
        return float(self._call("xsp3_get_clock_period", card))

    # Run flags, clocks, settings

    def set_run_flags(self, flags: RunFlag) -> None:
        """Choose what a run records."""
        self._call("xsp3_set_run_flags", int(flags))

    def clocks_setup(self, source: ClockSource, flags: ClockFlag, card: int = ALL) -> int:
        """Set the clock up; gives its frequency in Hz, or 0 where the library does not tell."""
        return int(self._call("xsp3_clocks_setup", card, int(source), int(flags), 0))

    def restore_settings(self, directory: str, force_mismatch: bool = False) -> None:
        """Load the calibration of a detector from a settings directory."""
        self._call("xsp3_restore_settings", _c_string(directory), int(force_mismatch))

    # Format, windows, trigger parameters

    def format_run(self, n_energy_bits: int = MAX_ENERGY_BITS, channel: int = ALL) -> int:
        """Choose 2**n_energy_bits bins; gives the number of frames that the ring then holds."""
        call = "xsp3_format_run"
        n_bits = require_between(call, "n_energy_bits", n_energy_bits, 0, MAX_ENERGY_BITS)
        return int(self._call(call, channel, 0, 0, 0, 0, 0, n_bits))

    def set_window(self, window: int, limits: Window, channel: int = ALL) -> None:
        """Choose the bins that window scaler 0 or 1 counts; past frames still in the ring change too."""
        call = "xsp3_set_window"
        index = require_between(call, "window", window, 0, 1)
        self._call(call, channel, index, limits.low, limits.high)

    def get_window(self, channel: int, window: int) -> tuple[int, int]:
        """Lowest and highest bin of window scaler 0 or 1."""
        low, high = ffi.new("uint32_t *"), ffi.new("uint32_t *")
        self._call("xsp3_get_window", channel, window, low, high)
        return int(low[0]), int(high[0])

    def get_trigger_b(self, channel: int) -> Any:
        """Trigger parameters of a channel as a C struct; `event_time` is the event width in ticks."""
        parameters = ffi.new("Xspress3_TriggerB *")
        self._call("xsp3_get_trigger_b", channel, parameters)
        return parameters

    # Timing

    def set_glob_timeA(self, value: int, card: int = ALL) -> None:  # noqa: N802  # the SDK's name
        """Write the whole of timing register A; it stops a run, so only while idle."""
        call = "xsp3_set_glob_timeA"
        self._call(call, card, require_between(call, "value", value, 0, _WORD))

    def set_glob_timeFixed(self, first_frame: int = 0, card: int = ALL) -> None:  # noqa: N802
        """Choose the number of the first frame."""
        call = "xsp3_set_glob_timeFixed"
        self._call(call, card, require_between(call, "first_frame", first_frame, 0, MAX_TIME_FIXED))

    def itfg_setup(
        self, n_frames: int, collection_ticks: int, trigger: ItfgTrigger, gap: GapMode, card: int = 0
    ) -> None:
        """Set up the internal timing generator; `n_frames` 0 goes on until stopped."""
        call = "xsp3_itfg_setup"
        n = require_between(call, "n_frames", n_frames, 0, MAX_ITFG_FRAMES)
        ticks = require_between(
            call, "collection_ticks", collection_ticks, MIN_COLLECTION_TICKS, MAX_COLLECTION_TICKS
        )
        self._call(call, card, n, ticks, int(ItfgTrigger(trigger)), int(GapMode(gap)))

    # Run control

    def histogram_clear(self, n_frames: int, n_channels: int) -> None:
        """Zero the first `n_frames` places of the ring; touches all of their memory, so it is slow."""
        self._call("xsp3_histogram_clear", 0, n_channels, 0, n_frames)

    def histogram_start(self, card: int = ALL) -> None:
        """Run and count."""
        self._call("xsp3_histogram_start", card)

    def histogram_arm(self, card: int = ALL) -> None:
        """Run without counting: wait for `histogram_continue`."""
        self._call("xsp3_histogram_arm", card)

    def histogram_continue(self, card: int = ALL) -> None:
        """Raise count enable: for the timing generator a trigger."""
        self._call("xsp3_histogram_continue", card)

    def histogram_pause(self, card: int = ALL) -> None:
        """Lower count enable."""
        self._call("xsp3_histogram_pause", card)

    def histogram_stop(self, card: int = ALL) -> None:
        """End the run; harmless when none is on."""
        self._call("xsp3_histogram_stop", card)

    def histogram_is_any_busy(self) -> bool:
        """Whether a receive thread still has work."""
        return bool(self._call("xsp3_histogram_is_any_busy"))

    # Progress and ring

    def check_progress(self) -> Progress:
        """How far the run is, in 64 bits."""
        flags, furthest = ffi.new("uint32_t *"), ffi.new("int64_t *")
        complete = self.library.call_unlocked(
            "xsp3_scaler_check_progress_details", self.handle, flags, 1, furthest
        )
        return Progress(int(complete), int(furthest[0]), ErrorFlag(flags[0]))

    def histogram_circ_ack(self, first_frame: int, n_frames: int, n_channels: int) -> None:
        """Give frames of all channels back to the ring."""
        self.library.call_unlocked(
            "xsp3_histogram_circ_ack", self.handle, 0, first_frame & _WORD, n_channels, n_frames
        )

    def histogram_get_circ_overrun(self, channel: int = ALL) -> tuple[int, int]:
        """Frames overwritten before they were given back, and the first of them."""
        first = ffi.new("int64_t *")
        n_frames = self.library.call_unlocked("xsp3_histogram_get_circ_overrun", self.handle, channel, first)
        return int(n_frames), int(first[0])

    def get_tf_status_block(self, channel: int, first_frame: int, n_frames: int) -> npt.NDArray[np.void]:
        """What the places of the ring hold in which those frames should be: `SLOT_STATUS_DTYPE`."""
        status = np.empty(n_frames, dtype=SLOT_STATUS_DTYPE)
        self.library.call_unlocked(
            "xsp3_histogram_get_tf_status_block",
            self.handle,
            channel,
            first_frame & _WORD,
            n_frames,
            ffi.from_buffer("Xsp3TFStatus[]", status, require_writable=True),
        )
        return status

    # Reading

    def histogram_read4d(
        self, out: npt.NDArray[np.uint32], first_frame: int, first_channel: int = 0, first_bin: int = 0
    ) -> None:
        """Fill `out`, shape (n_frames, n_channels, n_bins); tells nothing of frames overwritten."""
        call = "xsp3_histogram_read4d"
        n_frames, n_channels, n_bins = _shape3(call, out)
        self.library.call_unlocked(
            call,
            self.handle,
            _c_words(call, out),
            first_bin,
            0,
            first_channel,
            first_frame & _WORD,
            n_bins,
            1,
            n_channels,
            n_frames,
        )

    def histogram_read3d(
        self, out: npt.NDArray[np.uint32], first_frame: int, first_channel: int = 0, first_bin: int = 0
    ) -> None:
        """As `histogram_read4d`, by the older function."""
        call = "xsp3_histogram_read3d"
        n_frames, n_channels, n_bins = _shape3(call, out)
        self.library.call_unlocked(
            call,
            self.handle,
            _c_words(call, out),
            first_bin,
            first_channel,
            first_frame & _WORD,
            n_bins,
            n_channels,
            n_frames,
        )

    def scaler_read(self, out: npt.NDArray[np.uint32], first_frame: int, first_channel: int = 0) -> None:
        """Fill `out`, shape (n_frames, n_channels, 9)."""
        call = "xsp3_scaler_read"
        n_frames, n_channels, n_scalers = _shape3(call, out)
        if n_scalers != N_SCALERS:
            raise ConfigurationError(f"{call}: last axis has {n_scalers} places, allowed is {N_SCALERS}")
        self.library.call_unlocked(
            call,
            self.handle,
            _c_words(call, out),
            0,
            first_channel,
            first_frame & _WORD,
            n_scalers,
            n_channels,
            n_frames,
        )

    def _call(self, name: str, *arguments: Any) -> Any:
        return self.library.call(name, self.handle, *arguments)


def _channels(call: str, n_channels: int, n_cards: int) -> int:
    return require_between(call, "n_channels", n_channels, 1, MAX_CHANNELS_PER_CARD * n_cards)


def _c_string(text: str) -> Any:
    return ffi.new("char[]", text.encode())


def _shape3(call: str, out: npt.NDArray[np.uint32]) -> tuple[int, int, int]:
    if out.ndim != 3 or out.size == 0 or out.shape[2] > N_BINS:
        raise ConfigurationError(f"{call}: shape {out.shape}, allowed is (frame, channel, up to {N_BINS})")
    return out.shape[0], out.shape[1], out.shape[2]


def _c_words(call: str, out: npt.NDArray[np.uint32]) -> Any:
    """Pointer to the memory of `out`, which the library will fill without asking for its size."""
    if out.dtype != np.dtype("<u4") or not out.flags.c_contiguous or not out.flags.writeable:
        raise ConfigurationError(f"{call}: {out.dtype} {out.flags}, allowed is writeable C-ordered uint32")
    return ffi.from_buffer("uint32_t[]", out, require_writable=True)
