"""Where the frames of a session belong on its map: by a second stream, by their blocks, or by the scan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from receivers.dranspose.positions import PositionFields, StreamParts, StreamPositions, UnplacedError
from receivers.dranspose.results import UNPLACED
from receivers.scan import POSITIONS, Scan
from xspress3.errors import ProtocolError
from xspress3.stream import Block

__all__ = ["Placing"]

Pixels = npt.NDArray[np.int64]


class Placing:
    """Tells the pixels of frames::

        placing = Placing(scan, fields)
        placing.hear(event.streams)                  # with the start of the session
        pixels, text = placing.pixels(block, event.streams)

    Raises
    ------
    ConfigurationError
        When positions of a second stream are asked for, and the scan has no ranges.
    """

    def __init__(self, scan: Scan, fields: PositionFields | None) -> None:
        self._scan = scan
        self._positions = None if fields is None else StreamPositions(fields, scan)

    def hear(self, streams: Mapping[str, StreamParts]) -> None:
        """Look at what other streams say at the start."""
        if self._positions is not None:
            self._positions.hear(streams)

    def pixels(self, block: Block, streams: Mapping[str, StreamParts]) -> tuple[Pixels, str]:
        """Pixels of the frames of `block`, and what was wrong, if something was.

        Raises
        ------
        ProtocolError
            When an array of positions is none.
        """
        if self._positions is not None:
            return self._by_stream(self._positions, block, streams)
        for array in block.arrays:
            if array.name == POSITIONS:
                return self._scan.pixels_at(_checked(array.decode(), block.n_frames)), ""
        return self._scan.pixels(np.arange(block.first_frame, block.end_frame, dtype=np.int64)), ""

    @staticmethod
    def _by_stream(
        positions: StreamPositions, block: Block, streams: Mapping[str, StreamParts]
    ) -> tuple[Pixels, str]:
        try:
            if block.n_frames != 1:
                raise UnplacedError(f"{block.n_frames} frames in an event that has one position")
            return np.array([positions.pixel(streams, block.first_frame)], dtype=np.int64), ""
        except UnplacedError as error:
            return np.full(block.n_frames, UNPLACED), f"frame {block.first_frame} has no place: {error}"


def _checked(positions: Any, n_frames: int) -> Any:
    if positions.dtype != np.dtype("<i4") or positions.shape != (n_frames, 2):
        raise ProtocolError(f"positions: {positions.dtype} {positions.shape}, expected int32 {(n_frames, 2)}")
    return positions
