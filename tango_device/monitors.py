"""What can be read: a table of attributes, each with its reader, unit and words for people.

Readers take the controller and give what it knows; none asks the hardware or waits. Every attribute of
the table pushes change and archive events, so that clients need not poll.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tango_device.attributes import CONSTANT, Monitor
from tango_device.controller import Controller
from tango_device.frame_monitors import FRAME_MONITORS
from tango_device.settings import TRIGGER_MODES

__all__ = ["MONITORS"]

_LONG, _DOUBLE, _STRING = "DevLong64", "DevDouble", "DevString"


def _status(controller: Controller) -> dict[str, Any]:
    hardware = controller.hardware
    return {} if hardware is None else hardware.streamer.status().as_dict()


def _info(name: str) -> Callable[[Controller], Any]:
    def read(controller: Controller) -> Any:
        hardware = controller.hardware
        return None if hardware is None else getattr(hardware.detector.info, name)

    return read


def _n_channels(controller: Controller) -> int:
    return _info("n_channels")(controller) or 0


def _text(name: str) -> Callable[[Controller], str]:
    return lambda controller: str(_info(name)(controller) or "")


def _generation(controller: Controller) -> str:
    generation = _info("generation")(controller)
    return "" if generation is None else str(generation.name)


def _endpoint(name: str) -> Callable[[Controller], str]:
    def read(controller: Controller) -> str:
        hardware = controller.hardware
        return "" if hardware is None else str(getattr(hardware.streamer, name))

    return read


def _counts(name: str) -> Callable[[Controller], int]:
    def read(controller: Controller) -> int:
        session = controller.session
        return 0 if session is None else int(getattr(session, name))

    return read


def _times(name: str, otherwise: float = 0.0) -> Callable[[Controller], float]:
    """What the hardware would really do with the set points, else 0."""

    def read(controller: Controller) -> float:
        session = controller.session
        return otherwise if session is None else float(getattr(session.timing, name))

    return read


def _readout_time(controller: Controller) -> float:
    session = controller.session
    return 25e-9 if session is None else session.timing.gap_ticks * session.timing.clock_period


def _stages(controller: Controller) -> str:
    session, status = controller.session, _status(controller)
    counts = None if session is None else session.counts
    return json.dumps(
        {
            "in_ring": 0 if session is None else session.complete,
            "acquired": counts.acquired if counts else 0,
            "streamed": counts.streamed if counts else 0,
            "written": controller.frames_written,
            "lost": counts.lost if counts else 0,
            "short": 0 if session is None else session.n_short,
            "streamer": status.get("state", "closed"),
        }
    )


def _receivers(controller: Controller) -> list[str]:
    hardware = controller.hardware
    return [] if hardware is None else [reader.name for reader in hardware.streamer.status().readers]


def _session_id(controller: Controller) -> int:
    session = controller.session
    return 0 if session is None else session.session_id


def _frames_per_block(controller: Controller) -> int:
    session = controller.session
    return 1 if session is None else session.ring.frames_per_slot


def _temperatures(controller: Controller) -> list[float]:
    return [value for _, value in controller.health.temperatures]


def _hottest(controller: Controller) -> float:
    return max(_temperatures(controller), default=float("nan"))


def _free(controller: Controller) -> float:
    free = controller.health.free_bytes
    return float("nan") if free < 0 else free / 1e9


MONITORS: tuple[Monitor, ...] = (
    Monitor(
        "ReadoutTime",
        _DOUBLE,
        _readout_time,
        "Shortest pause between two frames, as the hardware keeps it.",
        "s",
        "%.3e",
    ),
    Monitor(
        "nFramesAcquired",
        _LONG,
        lambda c: c.frames_acquired,
        "Frames of this session that were read from the detector; 0 when Arm returns.",
        "frames",
        "%d",
    ),
    Monitor("nChannels", _LONG, _n_channels, "Channels in use.", "channels", "%d", CONSTANT),
    Monitor(
        "ReadyForSwTrigger",
        "DevBoolean",
        lambda c: c.is_ready_for_trigger,
        "Whether SoftwareTrigger would start frames now.",
    ),
    Monitor(
        "TriggerModes",
        _STRING,
        lambda _: list(TRIGGER_MODES),
        "Words that TriggerMode takes.",
        group=CONSTANT,
        dimensions=(16,),
    ),
    Monitor(
        "CountingTime",
        _DOUBLE,
        _times("counting_time"),
        "Time in which each frame of the session counts.",
        "s",
        "%.9f",
    ),
    Monitor(
        "FramePeriod",
        _DOUBLE,
        _times("period"),
        "Time from frame to frame where none waits for a trigger.",
        "s",
        "%.9f",
    ),
    Monitor(
        "FramesPerBlock",
        _LONG,
        _frames_per_block,
        "Frames of a full block of the stream, which is a chunk of a file that the session began.",
        "frames",
        "%d",
    ),
    Monitor("nFramesStreamed", _LONG, _counts("streamed"), "Frames handed to the wire.", "frames", "%d"),
    Monitor(
        "nFramesWritten",
        _LONG,
        lambda c: c.frames_written,
        "Frames that are in the file of the built-in writer.",
        "frames",
        "%d",
    ),
    Monitor(
        "nFramesLost",
        _LONG,
        _counts("lost"),
        "Frames that the detector overwrote before they were read.",
        "frames",
        "%d",
        more={"max_alarm": "1"},
    ),
    Monitor(
        "nFramesShort",
        _LONG,
        _counts("n_short"),
        "Frames of which network packets were dropped.",
        "frames",
        "%d",
        more={"max_alarm": "1"},
    ),
    Monitor(
        "RingFill",
        _DOUBLE,
        lambda c: c.ring_fill,
        "Part of the detector's ring that waits to be read.",
        "%",
        "%.1f",
        more={"max_warning": "50", "max_alarm": "80"},
    ),
    Monitor("Stages", _STRING, _stages, "Counters of each stage as JSON.", is_expert=True),
    Monitor("SessionId", _LONG, _session_id, "Number of the session in stream and file.", "", "%d"),
    Monitor(
        "LastFile",
        _STRING,
        lambda c: c.last_file,
        "The file that is being written, or was written last.",
    ),
    Monitor(
        "WriterState",
        _STRING,
        lambda c: c.writer_status.state.value,
        "The built-in writer: starting, idle, writing, dead or closed.",
    ),
    Monitor(
        "ConnectedReceivers",
        _STRING,
        _receivers,
        "Names of those who read the stream.",
        dimensions=(64,),
    ),
    Monitor(
        "nReceivers",
        _LONG,
        lambda c: len(_receivers(c)),
        "How many read the stream, the built-in writer among them.",
        "",
        "%d",
    ),
    Monitor("LastError", _STRING, lambda c: c.last_error, "The last thing that went wrong, in one line."),
    Monitor(
        "FreeDisk",
        _DOUBLE,
        _free,
        "Free space where files go; NaN where there is no file name.",
        "GB",
        "%.1f",
        more={"min_warning": "5", "min_alarm": "0.5"},
    ),
    Monitor(
        "Temperatures",
        _DOUBLE,
        _temperatures,
        "What the boards tell, asked when no frames are taken.",
        "degC",
        "%.1f",
        dimensions=(256,),
        is_expert=True,
    ),
    Monitor(
        "MaxTemperature",
        _DOUBLE,
        _hottest,
        "The highest of Temperatures.",
        "degC",
        "%.1f",
        more={"max_warning": "70", "max_alarm": "85"},
    ),
    Monitor(
        "StreamEndpoint",
        _STRING,
        _endpoint("data_endpoint"),
        "Where the stream can be read.",
        group=CONSTANT,
        is_expert=True,
    ),
    Monitor(
        "MonitorEndpoint",
        _STRING,
        _endpoint("monitor_endpoint"),
        "Where the newest frame can be asked for.",
        group=CONSTANT,
        is_expert=True,
    ),
    Monitor(
        "LibraryPath", _STRING, _text("library"), "The library that is open.", group=CONSTANT, is_expert=True
    ),
    Monitor(
        "FirmwareRevision",
        _STRING,
        _text("revision"),
        "Revision of the electronics.",
        group=CONSTANT,
        is_expert=True,
    ),
    Monitor("Generation", _STRING, _generation, "Kind of the electronics.", group=CONSTANT, is_expert=True),
    *FRAME_MONITORS,
)
"""All that can be read and is the same for every number of channels."""
