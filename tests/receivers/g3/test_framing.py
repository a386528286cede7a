from __future__ import annotations

import struct

import pytest

from receivers.g3.frame import FrameKind
from receivers.g3.framing import MAX_ITEMS, FrameSplitter
from tests.receivers.g3.frames import SESSION, STREAM, core, encode, flow, make, scan, wiring
from xspress3.errors import ProtocolError


def split(data: bytes, size: int = 1 << 20) -> list:
    splitter = FrameSplitter()
    return [frame for at in range(0, len(data), size) for frame in splitter.feed(data[at : at + size])]


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_frames_of_the_library_come_out_byte_by_byte_however_they_are_cut(size):
    frames = [flow(1), wiring(0, "{}", dump=True), scan(1, 500), make("Scan")]
    data = encode(*frames)

    found = split(data, size)

    assert [frame.raw for frame in found] == [encode(frame) for frame in frames]
    assert [frame.kind for frame in found] == [
        FrameKind.NONE,
        FrameKind.WIRING,
        FrameKind.SCAN,
        FrameKind.SCAN,
    ]


def test_numbers_of_frame_types_are_those_of_the_library():
    names = {"NONE": "none", "PIPELINE_INFO": "PipelineInfo", "END_PROCESSING": "EndProcessing"}
    for kind in FrameKind:
        name = names.get(kind.name, kind.name.capitalize())
        assert int(getattr(core.G3FrameType, name)) == kind.value


@pytest.mark.parametrize("value", [0, 1, -1, 2**62, -(2**63), 2**63 - 1])
def test_integers_are_read_as_the_library_wrote_them(value):
    (frame,) = split(encode(make("Scan", session_id=value)))

    assert frame.integer("session_id") == value


@pytest.mark.parametrize("text", ["", "crate1slot2", "Fe K\u03b1", "x" * 100_000])
def test_texts_are_read_as_the_library_wrote_them(text):
    (frame,) = split(encode(make("Wiring", status=text)))

    assert frame.text("status") == text


def test_booleans_are_read_as_the_library_wrote_them():
    (frame,) = split(encode(make("Wiring", yes=True, no=False)))

    assert (frame.boolean("yes"), frame.boolean("no")) == (True, False)


def test_times_are_read_as_the_library_wrote_them():
    (frame,) = split(encode(make("Scan", time=core.G3Time(176368320012345678))))

    assert frame.unix_time("time") == pytest.approx(1763683200.12345678, abs=1e-6)


def test_values_of_another_kind_are_not_taken_for_what_they_are_not():
    values = core.G3VectorDouble([1.0])
    (frame,) = split(
        encode(make("Scan", session_id="7", sostream_id=7, dump=1, frame_num=values, time=core.G3Time(5)))
    )

    assert frame.integer("session_id") is None
    assert frame.text("sostream_id") is None
    assert frame.boolean("dump") is None
    assert frame.integer("frame_num") is None
    assert frame.integer("time") is None
    assert frame.integer("nothing of that name") is None


def test_names_in_a_frame_are_those_the_library_gave():
    (frame,) = split(encode(scan(3)))

    assert set(frame.spans) == {"frame_num", "session_id", "sostream_id", "sostream_version", "samples"}
    assert (frame.integer("session_id"), frame.text("sostream_id")) == (SESSION, STREAM)


def test_a_torn_frame_is_known_by_what_is_left_over():
    data = encode(scan(0), scan(1))
    splitter = FrameSplitter()

    assert len(list(splitter.feed(data[:-1]))) == 1
    assert splitter.pending_bytes == len(data) // 2 - 1


def test_every_flipped_bit_is_refused_or_waits_for_more_and_frames_before_it_are_given():
    first, second = encode(scan(0)), encode(wiring(1, '{"a": 1}', dump=True))
    for bit in range(1, 8 * len(second), 11):
        torn = bytearray(second)
        torn[bit // 8] ^= 1 << bit % 8
        if 9 <= bit // 8 < 13:
            continue  # the type is not under the checksum, in the library either
        splitter, found = FrameSplitter(), []
        try:
            found += splitter.feed(first)
            found += splitter.feed(torn)
        except ProtocolError:
            pass

        assert [frame.raw for frame in found] == [first], f"bit {bit}"


def test_sizes_that_cannot_be_are_refused_before_memory_is_taken():
    head = struct.pack("<BIII", 1, 1, 1, ord("S"))
    for data in (
        struct.pack("<BIII", 1, 1, MAX_ITEMS + 1, ord("S")),
        struct.pack("<BIII", 0, 1, 1, ord("S")),
        struct.pack("<BIII", 1, 2, 1, ord("S")),
        b"HTTP",
        head + struct.pack("<Q", 1 << 40),
        head + struct.pack("<Q", 1) + b"x" + struct.pack("<Q", (1 << 64) - 1),
    ):
        with pytest.raises(ProtocolError, match="G3 frame"):
            list(FrameSplitter().feed(data))


def test_a_frame_larger_than_allowed_is_refused():
    data = encode(scan(0, 1000))

    with pytest.raises(ProtocolError, match="bytes, allowed are"):
        list(FrameSplitter(max_frame_bytes=4000).feed(data))
