"""What the two old dialects have in common: a header, frame after frame, an end; all as JSON and buffers.

Nothing here knows of sockets, clocks or order: the same arguments give the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Union

import numpy as np
import numpy.typing as npt

from xspress3.errors import ProtocolError
from xspress3.model import TriggerMode
from xspress3.stream.dialects.pickle_bytes import pickle_rows
from xspress3.stream.dialects.scaler_lists import NAMES, UNITS, Constants, scaler_arrays
from xspress3.stream.messages import SessionEnd, SessionStart

__all__ = ["OldForm", "Parts"]

Parts = list[Union[bytes, memoryview]]
"""One zmq message."""

_RATE_NOTE = (
    "output_count_rate is in 1/s: all_good / (total_ticks * clock_period). Senders before this one gave it "
    "(80e6)^2 = 6.4e15 times too small."
)
_FILE_NAME_KEYS = ("filename", "DestinationFileName")
_OVERWRITABLE_KEYS = ("overwritable", "DestinationFileOverwritable")


class OldForm:
    """A dialect whose series is a header, frames with their scalers pickled, and an end::

        dialect = MultipartDialect()
        for message in dialect.header(start):
            socket.send_multipart(message)

    Keys beyond those of the recordings are added behind them; old readers pass over them.
    """

    name: ClassVar[str]
    names: ClassVar[tuple[str, ...]] = NAMES
    """The arrays in the list of scalers."""
    messages_per_frame: ClassVar[int]
    _separators: ClassVar[tuple[str, str]]
    """Between items, and between key and value, as in the recordings."""

    def header(self, start: SessionStart) -> list[Parts]:
        """Messages that begin a series.

        Raises
        ------
        ProtocolError
            When the old dialects cannot say what `start` does, or it lacks what they need.
        """
        constants = Constants.from_start(start)
        fields: dict[str, Any] = {
            "htype": "header",
            "filename": _first_text(start.metadata, _FILE_NAME_KEYS),
            "overwritable": _first_truth(start.metadata, _OVERWRITABLE_KEYS),
            **_limits(start.detector, constants.n_channels),
            "extra_tags": list(self.names),
            "extra_units": [UNITS[name] for name in self.names],
            "note": _RATE_NOTE,
            **_identity(start),
            "n_frames": start.n_frames,
            "start_time_ns": start.start_time_ns,
            "clock_period": constants.clock_period,
            "acquisition": dict(start.acquisition),
            "metadata": dict(start.metadata),
        }
        return [[self._json(fields)]]

    def frames(
        self,
        start: SessionStart,
        first_frame: int,
        histogram: npt.NDArray[np.uint32],
        scalers: npt.NDArray[np.uint32],
        *,
        step: int = 1,
        time_ns: int = 0,
    ) -> Iterator[list[Parts]]:
        """The messages of each frame, one list for each.

        Parameters
        ----------
        histogram, scalers
            Shapes (n_frames, n_channels, n_bins) and (n_frames, n_channels, 9), C order. The spectra
            are passed on as views: they must stay as they are until the messages are sent.
        step
            Distance of the numbers of two frames.
        time_ns
            When the frames were read from the detector, 0 where not known.

        Raises
        ------
        ProtocolError
            As `header`, or when the arrays are not of the shape that `start` says.
        """
        constants = Constants.from_start(start)
        _check_shapes(histogram, scalers, constants)
        arrays = scaler_arrays(scalers, constants)
        pickles = pickle_rows([arrays[name] for name in self.names])
        texts = _ImageTexts(self._separators, start, histogram, time_ns)
        times = _exposure_times(start.acquisition, arrays["total_ticks"], constants.clock_period)
        spectra = histogram.reshape(len(histogram), constants.n_channels * constants.n_bins).view(np.uint8)
        for row, exposure_time in enumerate(times):
            text = texts.of(first_frame + row * step, exposure_time)
            yield self._pack(text, spectra[row].data, pickles[row].tobytes())

    def end(self, start: SessionStart, end: SessionEnd | None = None) -> list[Parts]:
        """Messages that end a series; with the sender's counts, where it gives some."""
        fields: dict[str, Any] = {"htype": "series_end", **_identity(start)}
        if end is not None:
            fields.update(reason=end.reason.value, acquired=end.acquired, lost=end.lost, text=end.text)
        return [[self._json(fields)]]

    def _json(self, fields: Mapping[str, Any]) -> bytes:
        return json.dumps(fields, separators=self._separators, allow_nan=False).encode()

    def _pack(self, text: bytes, spectrum: memoryview, scalers: bytes) -> list[Parts]:
        raise NotImplementedError


def _identity(start: SessionStart) -> dict[str, Any]:
    envelope = start.envelope
    return {"stream_id": envelope.stream_id, "session_id": envelope.session_id}


def _first_text(metadata: Mapping[str, Any], keys: Sequence[str]) -> str:
    """The first of `keys` that holds a text; old readers take an empty file name for "write no file"."""
    return next((metadata[key] for key in keys if isinstance(metadata.get(key), str)), "")


def _first_truth(metadata: Mapping[str, Any], keys: Sequence[str]) -> bool:
    return next((metadata[key] for key in keys if isinstance(metadata.get(key), bool)), False)


def _limits(detector: Mapping[str, Any], n_channels: int) -> dict[str, Any]:
    """`limits`, axes (window, channel, low and high); nothing where the sender does not say them."""
    windows = detector.get("windows")
    if not windows:
        return {}
    try:
        shape = np.shape(windows)
    except ValueError:
        shape = ()
    if shape != (n_channels, 2, 2):
        raise ProtocolError(f"windows: shape {shape}, expected {(n_channels, 2, 2)}")
    return {"limits": [[[int(bin_) for bin_ in pair[window]] for pair in windows] for window in (0, 1)]}


def _check_shapes(histogram: npt.NDArray[Any], scalers: npt.NDArray[Any], constants: Constants) -> None:
    frame_shape = (constants.n_channels, constants.n_bins)
    if histogram.shape[1:] != frame_shape or histogram.dtype != np.dtype("<u4"):
        raise ProtocolError(f"histogram: {histogram.dtype} {histogram.shape}, the start said {frame_shape}")
    if scalers.shape[:2] != histogram.shape[:2] or not histogram.flags.c_contiguous:
        raise ProtocolError(f"scalers {scalers.shape} do not fit histogram {histogram.shape} in C order")


def _exposure_times(
    acquisition: Mapping[str, Any], total_ticks: npt.NDArray[np.uint32], clock_period: float
) -> list[float | None]:
    """Counting time of each frame in s: what was set, with gates what was measured, `None` if not known."""
    if _is_gated(acquisition.get("trigger_mode")):
        return [float(ticks * clock_period) for ticks in total_ticks.max(axis=1)]
    said = acquisition.get("counting_time", acquisition.get("exposure_time"))
    is_time = isinstance(said, (int, float)) and not isinstance(said, bool) and math.isfinite(said)
    return [said if is_time else None] * len(total_ticks)


def _is_gated(said: object) -> bool:
    try:
        return TriggerMode(said).is_gated
    except ValueError:
        return False


class _ImageTexts:
    """JSON of each frame of a block; all but two values is made once."""

    def __init__(
        self, separators: tuple[str, str], start: SessionStart, histogram: npt.NDArray[Any], time_ns: int
    ) -> None:
        self._comma, self._colon = separators
        fixed: dict[str, Any] = {
            "shape": list(histogram.shape[1:]),
            "type": histogram.dtype.name,
            "compression": "none",
            **_identity(start),
            "time_ns": time_ns,
        }
        self._rest = json.dumps(fixed, separators=separators)[1:]

    def of(self, frame: int, exposure_time: float | None) -> bytes:
        comma, colon = self._comma, self._colon
        exptime = "" if exposure_time is None else f'"exptime"{colon}{exposure_time!r}{comma}'
        return f'{{"htype"{colon}"image"{comma}{exptime}"frame"{colon}{frame}{comma}{self._rest}'.encode()
