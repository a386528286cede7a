"""What a `.g3` file says about the settings of its session, without looking at the data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from receivers.g3.carried import is_whole_status
from receivers.g3.frame import Frame, FrameKind
from receivers.g3.framing import read_frames
from receivers.g3.session import said_ids
from xspress3.errors import ProtocolError

__all__ = ["STATUS_KEY", "read_status"]

STATUS_KEY = "status"


def read_status(path: Path | str) -> dict[str, Any]:
    """Settings and status of the session in `path`, plain values for JSON.

    Every file that was recorded here begins with all that is needed, so the rest of it is not read.

    Returns
    -------
    :
        `stream_id` and `session_id` (`None` where frames do not say them), `status`: the whole one with
        the changes that follow before the data, `is_whole`: whether there was a whole one, and
        `observation`: plain values of the first Observation frame.

    Raises
    ------
    ProtocolError
        When the file holds bytes that are no frame before any data; a file that was cut off is read up
        to there.
    OSError
        When it cannot be opened.
    """
    found: dict[str, Any] = {
        "stream_id": None,
        "session_id": None,
        "status": {},
        "is_whole": False,
        "observation": {},
    }
    for frame in read_frames(Path(path)):
        ids = said_ids(frame)
        found["stream_id"] = found["stream_id"] or ids.stream_id
        found["session_id"] = found["session_id"] or ids.session_id
        if frame.kind == FrameKind.WIRING:
            _add_status(found, frame)
        elif frame.kind == FrameKind.OBSERVATION:
            found["observation"] = found["observation"] or _plain_values(frame)
        elif found["is_whole"] and frame.kind in (FrameKind.SCAN, FrameKind.TIMEPOINT):
            break
    return found


def _add_status(found: dict[str, Any], frame: Frame) -> None:
    text = frame.text(STATUS_KEY)
    if text is None:
        return
    try:
        status = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"status in a Wiring frame is not JSON: {error}") from None
    if not isinstance(status, dict):
        raise ProtocolError(f"status in a Wiring frame is a {type(status).__name__}, allowed is an object")
    if is_whole_status(frame):
        found["status"], found["is_whole"] = status, True
    else:
        found["status"].update(status)


def _plain_values(frame: Frame) -> dict[str, Any]:
    values = {name: _plain(frame, name) for name in frame.spans}
    return {name: value for name, value in values.items() if value is not None}


def _plain(frame: Frame, name: str) -> int | bool | str | None:
    for value in (frame.integer(name), frame.boolean(name), frame.text(name)):
        if value is not None:
            return value
    return None
