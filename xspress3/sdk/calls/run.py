"""Run control, progress, and the ring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3.sdk._sdk import ffi
from xspress3.sdk.calls.base import ALL, WORD, Calls
from xspress3.sdk.constants import ErrorFlag

__all__ = ["SLOT_STATUS_DTYPE", "Progress", "RunCalls"]

SLOT_STATUS_DTYPE = np.dtype([("uses", "<i4"), ("frame", "<i8"), ("markers", "<i4")], align=True)
"""What a place of the ring holds: uses since the last acknowledge, and the frame's number."""


@dataclass(frozen=True)
class Progress:
    """How far a run is: frames 0 to `complete - 1` are there on every channel.

    `furthest` is the same of the channel that is ahead of the others.
    """

    complete: int
    furthest: int
    flags: ErrorFlag


class RunCalls(Calls):
    """Starting, stopping, looking how far it is, giving frames back."""

    def histogram_clear(self, n_frames: int, n_channels: int, first_frame: int = 0) -> None:
        """Zero places of the ring; touches all of their memory, so it is slow."""
        self._call("xsp3_histogram_clear", 0, n_channels, first_frame, n_frames)

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

    def histogram_is_busy(self, channel: int) -> bool:
        """Whether the receive thread of a channel still has work."""
        return bool(self._call("xsp3_histogram_is_busy", channel))

    def histogram_is_any_busy(self) -> bool:
        """Whether a receive thread still has work."""
        return bool(self._call("xsp3_histogram_is_any_busy"))

    def scaler_check_progress(self) -> int:
        """Frames complete on every channel, in 32 bits: negative counts beyond 2**31 look like errors."""
        return int(self._read("xsp3_scaler_check_progress"))

    def check_progress(self) -> Progress:
        """How far the run is, in 64 bits (`xsp3_scaler_check_progress_details`)."""
        flags, furthest = ffi.new("uint32_t *"), ffi.new("int64_t *")
        complete = self._read("xsp3_scaler_check_progress_details", flags, 1, furthest)
        return Progress(int(complete), int(furthest[0]), ErrorFlag(flags[0]))

    def scaler_check_desc(self, card: int) -> int:
        """Progress of one card; an error where it has no stream of its own for scalers."""
        return int(self._read("xsp3_scaler_check_desc", card))

    def scaler_get_num_tf(self) -> int:
        """Frames that the memory for scalers holds."""
        return int(self._read("xsp3_scaler_get_num_tf"))

    def histogram_circ_ack(
        self, first_frame: int, n_frames: int, n_channels: int, first_channel: int = 0
    ) -> None:
        """Give frames back to the ring."""
        frame = first_frame & WORD
        self._read("xsp3_histogram_circ_ack", first_channel, frame, n_channels, n_frames)

    def histogram_get_circ_overrun(self, channel: int = ALL) -> tuple[int, int]:
        """Frames overwritten before they were given back, and the first of them."""
        first = ffi.new("int64_t *")
        n_frames = self._read("xsp3_histogram_get_circ_overrun", channel, first)
        return int(n_frames), int(first[0])

    def histogram_get_dropped(self, channel: int) -> int:
        """Network packets that a card lost."""
        return int(self._read("xsp3_histogram_get_dropped", channel))

    def get_tf_status(self, channel: int, frame: int) -> Any:
        """What the place of the ring holds in which `frame` should be: one of `SLOT_STATUS_DTYPE`."""
        status = np.empty(1, dtype=SLOT_STATUS_DTYPE)
        pointer = ffi.from_buffer("Xsp3TFStatus[]", status, require_writable=True)
        self._read("xsp3_histogram_get_tf_status", channel, frame & WORD, pointer)
        return status[0]

    def get_tf_status_block(self, channel: int, first_frame: int, n_frames: int) -> npt.NDArray[np.void]:
        """What the places of the ring hold in which those frames should be: `SLOT_STATUS_DTYPE`."""
        status = np.empty(n_frames, dtype=SLOT_STATUS_DTYPE)
        pointer = ffi.from_buffer("Xsp3TFStatus[]", status, require_writable=True)
        arguments = (channel, first_frame & WORD, n_frames, pointer)
        self._read("xsp3_histogram_get_tf_status_block", *arguments)
        return status

    def get_tf_markers(self, channel: int, first_frame: int, n_frames: int) -> npt.NDArray[np.int32]:
        """Marker bits of those frames, shape (n_frames,)."""
        markers = np.empty(n_frames, dtype="<i4")
        pointer = ffi.from_buffer("int[]", markers, require_writable=True)
        self._read("xsp3_histogram_get_tf_markers", channel, first_frame & WORD, n_frames, pointer)
        return markers

    def histogram_start_list_mode(self, root_name: str, channel: int = ALL) -> None:
        """Write each event of a channel to `<root_name>_chNN.dat`."""
        self._call("xsp3_histogram_start_list_mode", channel, ffi.new("char[]", root_name.encode()))

    def histogram_stop_list_mode(self, channel: int = ALL) -> None:
        """End it; harmless when it is not on."""
        self._call("xsp3_histogram_stop_list_mode", channel)
