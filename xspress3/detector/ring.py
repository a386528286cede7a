"""Reading out of the library's ring so that each frame is the one asked for, or an error says why not.

The library gives whatever stands in a place and never says that it is another frame. Three things can
put another one there:

* the run was faster than the reader, and has come round: such frames are told as overwritten;
* the frame-zero input started the numbers again. Numbers that then overtake those given out look as if
  they had gone on, so in modes with that input no frame is given back before the end: the ring holds all
  of them, each place is used once, and one used twice shows the restart;
* numbers of 32 bits, which is what calls take, have come to their end. The library takes them modulo the
  ring, so it goes on smoothly where the ring is a power of two, else it jumps.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from xspress3.errors import AcquisitionError, CircularBufferOverrunError
from xspress3.sdk import Sdk

__all__ = ["FRAME_NUMBERS", "Ring"]

FRAME_NUMBERS = 1 << 32


class Ring:
    """The ring of a system that has `n_channels`, of `n_frames` places each.

    Parameters
    ----------
    sdk
        Is used, not owned.
    forgets
        Whether the start of a run clears the books of the one before, as that of a Mini does.
    """

    def __init__(self, sdk: Sdk, n_channels: int, n_frames: int, *, forgets: bool) -> None:
        self._sdk = sdk
        self._forgets = forgets
        self._n_channels = n_channels
        self._n_frames = n_frames
        self._keeps_frames = False

    def begin(self, *, keeps_frames: bool) -> None:
        """A run is about to begin; with `keeps_frames`, which needs room for all of them, none is given back.

        Whether a start forgets what was not given back of the run before is not told by the vendor, so it is
        given back now. A Mini does forget, and takes nothing that it does not hold.
        """
        self._keeps_frames = keeps_frames
        if self._forgets:
            return
        self._sdk.histogram_circ_ack(0, self._n_frames, self._n_channels)

    def read_into(
        self, first_frame: int, histogram: npt.NDArray[np.uint32], scalers: npt.NDArray[np.uint32]
    ) -> None:
        """Fill `histogram` (frame, channel, bin) and `scalers` (frame, channel, 9).

        Looks afterwards how far the ring was filled meanwhile.

        Raises
        ------
        CircularBufferOverrunError
            Naming all frames from `first_frame` on that are gone, also beyond those asked for.
        AcquisitionError
            After a restart, or at the end of the numbers.
        """
        n_frames = len(histogram)
        self._sdk.histogram_read4d(histogram, first_frame)
        self._sdk.scaler_read(scalers, first_frame)
        if self._keeps_frames:
            self._check_restart()
        furthest = self._sdk.check_progress().furthest
        self.check_wrap(furthest)
        # Frame `furthest` may be filling its place just now; those before it surely have.
        n_behind = furthest - self._n_frames - first_frame
        if n_behind >= 0:
            n_overwritten = self._count_overwritten(first_frame, n_frames)
            if n_overwritten:
                raise CircularBufferOverrunError(first_frame, max(n_overwritten, n_behind))

    def acknowledge(self, first_frame: int, n_frames: int) -> None:
        """Give frames of all channels back."""
        if not self._keeps_frames:
            self._sdk.histogram_circ_ack(first_frame, n_frames, self._n_channels)

    def check_wrap(self, furthest: int) -> None:
        """Raise `AcquisitionError` where frames up to `furthest` come near the end of the numbers.

        The last ones before it are left out: the ring holds them when the first ones beyond jump.
        """
        end = FRAME_NUMBERS - self._n_frames
        if furthest >= end and self._n_frames & (self._n_frames - 1):
            power = 1 << self._n_frames.bit_length() - 1
            raise AcquisitionError(
                f"frame {furthest}: with a ring of {self._n_frames} frames the numbers end at {end}; "
                f"allowed beyond is a ring of a power of two, such as ring_frames={power}"
            )

    def _check_restart(self) -> None:
        for channel in range(self._n_channels):
            uses = self._sdk.get_tf_status(channel, 0)["uses"]
            if uses > 1:
                raise AcquisitionError(
                    f"the place of frame 0 was used {uses} times on channel {channel}, allowed is once: the "
                    "frame-zero input has started the numbers again, or more gates came than the ring has "
                    f"places, {self._n_frames}"
                )

    def _count_overwritten(self, first_frame: int, n_frames: int) -> int:
        """Frames up to the last one whose place holds another frame, or was begun again.

        Asks what each place really holds: for a card that waits for a trigger the next frame has not
        begun, and the last frames of a full ring are whole.
        """
        expected = np.arange(first_frame, first_frame + n_frames)
        is_overwritten = np.zeros(n_frames, dtype=bool)
        for channel in range(self._n_channels):
            status = self._sdk.get_tf_status_block(channel, first_frame, n_frames)
            is_overwritten |= (status["frame"] != expected) | (status["uses"] > 1)
        return int(np.flatnonzero(is_overwritten)[-1]) + 1 if is_overwritten.any() else 0
