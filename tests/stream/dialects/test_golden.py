"""The golden recordings: what we say today is what we said then, and what was said then is read today."""

from __future__ import annotations

import numpy as np
import pytest

from receivers.recording_file import read_messages
from tests import golden
from xspress3.stream import Block, Loss, SessionEnd, SessionStart, decode, encode
from xspress3.stream.dialects import DialectReader, Frame, SeriesEnd, SeriesHeader, old_dialect


def frames_of(name: str) -> list[Frame]:
    reader = DialectReader()
    said = [reader.feed(parts) for parts in read_messages(golden.FOLDER / f"{name}.cbors")]
    return [frame for frame in said if isinstance(frame, Frame)]


def test_our_own_dialect_is_said_byte_for_byte_as_then():
    then = list(read_messages(golden.NATIVE))

    now = [golden.as_bytes(encode(message)) for message in golden.native_messages()]

    assert now == then


@pytest.mark.parametrize("name", ["multipart", "legacy"])
def test_the_old_dialects_are_said_byte_for_byte_as_then(name):
    then = list(read_messages(golden.FOLDER / f"{name}.cbors"))

    now = list(golden.in_old_dialect(old_dialect(name), golden.native_messages()))

    assert now == then


def test_our_own_dialect_is_read():
    start, first, second, loss, last, end = golden.native_messages()

    assert isinstance(start, SessionStart)
    assert (start.envelope.session_id, start.envelope.epoch) == (golden.SESSION, golden.EPOCH)
    assert isinstance(loss, Loss)
    assert isinstance(end, SessionEnd)
    assert [block.first_frame for block in (first, second, last)] == [0, 1, 3]
    assert (end.acquired, end.lost) == (3, 1)


def test_compressed_spectra_are_those_that_are_not():
    plain = golden.native_messages()

    packed = [decode(parts) for parts in read_messages(golden.FOLDER / "native-bslz4.cbors")]

    for one, other in zip(packed, plain, strict=True):
        if isinstance(one, Block):
            assert one["histogram"].compression == "bslz4"
            assert np.array_equal(one["histogram"].decode(), other["histogram"].decode())


@pytest.mark.parametrize("name", ["multipart", "legacy"])
def test_the_old_dialects_hold_the_frames_of_our_own(name):
    blocks = [message for message in golden.native_messages() if isinstance(message, Block)]

    frames = frames_of(name)

    assert [frame.frame for frame in frames] == [0, 1, 3]
    for frame, block in zip(frames, blocks, strict=True):
        assert np.array_equal(frame.histogram, block["histogram"].decode()[0])
        assert np.array_equal(frame.scalers["all_good"], block["scalers"].decode()[0, :, 4])


@pytest.mark.parametrize("name", ["multipart", "legacy"])
def test_the_old_dialects_begin_with_a_header_and_end_with_an_end(name):
    reader = DialectReader()
    messages = list(read_messages(golden.FOLDER / f"{name}.cbors"))

    header, end = reader.feed(messages[0]), reader.feed(messages[-1])

    assert isinstance(header, SeriesHeader)
    assert header.filename == "/data/golden.h5"
    assert isinstance(end, SeriesEnd)
    assert [len(message) for message in messages[1:-1]] == ([3] * 3 if name == "multipart" else [1] * 9)


def test_golden_recordings_are_small():
    assert all(path.stat().st_size < 150_000 for path in golden.FOLDER.iterdir())
