"""What clients write: the set points as attributes, with limits, units and words for people."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import tango
from tango import AttrWriteType, DispLevel
from tango.server import attribute

from tango_device.controller import Controller
from tango_device.settings import (
    MAX_TIME,
    MIN_EXPOSURE,
    check_count,
    check_exposure,
    check_latency,
    trigger_mode,
)
from xspress3.errors import ConfigurationError, Xspress3Error
from xspress3.model import MAX_ITFG_FRAMES, N_BINS
from xspress3.sdk import Roi

__all__ = ["SET_POINTS", "SetPoints", "as_dev_failed"]

MAX_ROIS = 8

Method = TypeVar("Method", bound=Callable[..., Any])


def as_dev_failed(method: Method) -> Method:
    """Let our errors arrive with their class as the reason, and their one line as the description."""

    @functools.wraps(method)
    def call(device: Any, *arguments: Any) -> Any:
        try:
            return method(device, *arguments)
        except Xspress3Error as error:
            text = " ".join(str(error).split())
            tango.Except.throw_exception(type(error).__name__, text, f"Xspress3DS.{method.__name__}")

    return call  # type: ignore[return-value]


def set_point(
    name: str,
    dtype: Any,
    doc: str,
    get: Callable[[Controller], Any],
    put: Callable[[Controller, Any], None],
    **options: Any,
) -> attribute:
    """An attribute that is read from the controller and written to it."""

    def fget(device: Any) -> Any:
        return get(device.controller)

    @as_dev_failed
    def fset(device: Any, value: Any) -> None:
        put(device.controller, value)
        device.memorize()
        device.notifier.put(name, None)

    fset.__name__ = f"write_{name}"
    return attribute(
        fget=fget, fset=fset, dtype=dtype, doc=doc, label=name, access=AttrWriteType.READ_WRITE, **options
    )


def _setting(name: str, check: Callable[[Any], Any]) -> dict[str, Any]:
    """Reader and writer of a field of the settings."""
    return {
        "get": lambda controller: getattr(controller.settings, name),
        "put": lambda controller, value: setattr(controller.settings, name, check(value)),
    }


def _input(name: str, check: Callable[[Any], Any]) -> dict[str, Any]:
    """Reader and writer of a field of the inputs."""
    return {
        "get": lambda controller: getattr(controller.inputs, name),
        "put": lambda controller, value: controller.set_inputs(**{name: check(value)}),
    }


_KEPT: dict[str, Any] = {"memorized": True, "hw_memorized": True}
_EXPERT: dict[str, Any] = {"display_level": DispLevel.EXPERT}
_COUNT: dict[str, Any] = {"min_value": 1, "max_value": MAX_ITFG_FRAMES, "format": "%d"}


def _rois(controller: Controller) -> npt.NDArray[np.int32]:
    rows = [[roi.low, roi.high, roi.n_bins] for roi in controller.rois] or [[0, N_BINS - 1, N_BINS]]
    return np.array(rows, dtype=np.int32)


def _put_rois(controller: Controller, value: Any) -> None:
    rows = np.atleast_2d(np.asarray(value))
    if rows.shape[1] != 3 or len(rows) > MAX_ROIS:
        raise ConfigurationError(
            f"Regions: {rows.shape[0]} rows of {rows.shape[1]}, allowed are 1..{MAX_ROIS} rows of 3: "
            "lowest bin, highest bin, number of bins"
        )
    rois = [Roi(int(low), int(high), int(n)) for low, high, n in rows]
    controller.set_rois([] if rois == [Roi(0, N_BINS - 1, N_BINS)] else rois)


class SetPoints:
    """What clients write."""

    ExposureTime = set_point(
        "ExposureTime",
        float,
        "Frame period asked for: counting time and the pause after it.",
        **_setting("exposure_time", check_exposure),
        unit="s",
        format="%.6f",
        min_value=MIN_EXPOSURE,
        max_value=MAX_TIME,
        **_KEPT,
    )
    LatencyTime = set_point(
        "LatencyTime",
        float,
        "Pause wanted between frames, taken out of ExposureTime.",
        **_setting("latency_time", check_latency),
        unit="s",
        format="%.9f",
        min_value=0,
        max_value=MAX_TIME,
        **_KEPT,
    )
    nTriggers = set_point(
        "nTriggers",
        int,
        "Triggers of the session; it or nFramesPerTrigger must be 1, but with gates.",
        **_setting("n_triggers", functools.partial(check_count, "nTriggers")),
        **_COUNT,
    )
    nFramesPerTrigger = set_point(
        "nFramesPerTrigger",
        int,
        "Frames that follow each trigger.",
        **_setting("frames_per_trigger", functools.partial(check_count, "nFramesPerTrigger")),
        **_COUNT,
    )
    TriggerMode = set_point(
        "TriggerMode",
        str,
        "What starts frames, one of TriggerModes.",
        **_setting("trigger_mode", trigger_mode),
        **_KEPT,
    )
    DestinationFileName = set_point(
        "DestinationFileName",
        str,
        "Absolute path of the next file, empty for none. A session armed without writing this again is "
        "appended to the file before.",
        get=lambda controller: controller.settings.file_name,
        put=lambda controller, value: controller.set_file_name(value),
    )
    DestinationFileOverwritable = set_point(
        "DestinationFileOverwritable",
        bool,
        "Whether each session replaces the file; else one of that name is left, and NAME_1 made.",
        **_setting("is_overwritable", bool),
        **_KEPT,
    )
    WriteHdf5 = set_point(
        "WriteHdf5",
        bool,
        "Whether the built-in writer writes files; they can also be written by receivers of the stream.",
        **_setting("is_written", bool),
        **_KEPT,
    )
    Regions = set_point(
        "Regions",
        (("DevLong",),),
        "Parts of the spectrum that are recorded, a row for each: lowest bin, highest bin, number of "
        f"bins. One row of 0, {N_BINS - 1}, {N_BINS} records all of it.",
        get=_rois,
        put=_put_rois,
        max_dim_x=3,
        max_dim_y=MAX_ROIS,
        min_value="0",
        max_value=str(N_BINS),
        format="%d",
        **_EXPERT,
    )
    InvertVeto = set_point(
        "InvertVeto",
        bool,
        "Gates are low, and trigger edges falling.",
        **_input("is_veto_inverted", bool),
        **_KEPT,
        **_EXPERT,
    )
    InvertFrameZero = set_point(
        "InvertFrameZero",
        bool,
        "Input 0 is active when low.",
        **_input("is_frame_zero_inverted", bool),
        **_KEPT,
        **_EXPERT,
    )
    DebounceTicks = set_point(
        "DebounceTicks",
        int,
        "Clock ticks that a level must be stable to count.",
        **_input("debounce_ticks", int),
        unit="ticks",
        format="%d",
        min_value=0,
        max_value=255,
        **_KEPT,
        **_EXPERT,
    )


SET_POINTS = tuple(name for name in vars(SetPoints) if not name.startswith("_"))
"""Names of all set points that do not depend on channels."""
