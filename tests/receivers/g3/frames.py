"""Frames as the real library makes them: the truth that our reading of the format is held to."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

core = pytest.importorskip("spt3g.core", reason="spt3g is not installed (extra g3)")

SESSION = 1763683200
STREAM = "crate1slot2"


def make(kind: str, **values: Any) -> Any:
    """A frame of spt3g."""
    frame = core.G3Frame(getattr(core.G3FrameType, kind))
    for name, value in values.items():
        frame[name] = value
    return frame


def encode(*frames: Any) -> bytes:
    """What the library writes for `frames`, one after the other."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "frames.g3"
        writer = core.G3Writer(str(path))
        for frame in frames:
            writer(frame)
        writer.flush()
        del writer
        return path.read_bytes()


def tags(number: int, session_id: int | None = SESSION, stream_id: str | None = STREAM) -> dict[str, Any]:
    """What every frame of a session carries."""
    said = {"frame_num": number, "session_id": session_id, "sostream_id": stream_id, "sostream_version": 2}
    return {name: value for name, value in said.items() if value is not None}


def flow(value: int, kind: str = "none") -> Any:
    return make(kind, sostream_flowcontrol=value)


def observation(number: int, placement: str = "start", **ids: Any) -> Any:
    return make("Observation", stream_placement=placement, **tags(number, **ids))


def wiring(number: int, status: str, *, dump: bool, **ids: Any) -> Any:
    return make("Wiring", status=status, dump=dump, **tags(number, **ids))


def scan(number: int, size: int = 8, **ids: Any) -> Any:
    values = core.G3VectorDouble([float(number)] * size)
    return make("Scan", samples=values, **tags(number, **ids))


def read(path: Path, *, may_be_torn: bool = False) -> list[Any]:
    """Frames of a file as the real library reads them; it raises where one is torn."""
    found: list[Any] = []
    reader = core.G3Reader(str(path))
    try:
        while frames := reader.Process(None):
            found += frames
    except RuntimeError:
        if not may_be_torn:
            raise
    return found


def numbers(path: Path, kind: str = "Scan", *, may_be_torn: bool = False) -> list[int]:
    """`frame_num` of the frames of a type in a file."""
    frames = read(path, may_be_torn=may_be_torn)
    return [frame["frame_num"] for frame in frames if frame.type == getattr(core.G3FrameType, kind)]
