"""Old dialects read back: recordings, what we say ourselves, and bytes that are anything."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receivers.recording_file import read_messages
from xspress3.errors import ProtocolError
from xspress3.stream.dialects import DialectReader, Frame, SeriesEnd, SeriesHeader, old_dialect
from xspress3.stream.dialects.pickle_bytes import pickle_arrays

SCALERS = pickle_arrays([np.arange(2, dtype="<u4")])
DATA = np.arange(4, dtype="<u4").tobytes()
IMAGE = {"htype": "image", "frame": 3, "shape": [2, 2], "type": "uint32", "compression": "none"}


def as_json(fields: object) -> bytes:
    return json.dumps(fields).encode()


def read(messages, reader=None) -> list:
    reader = reader or DialectReader()
    return [said for said in map(reader.feed, messages) if said is not None]


@pytest.mark.parametrize(("name", "n_frames"), [("xspress3-dump", 20), ("xspress3-multipart", 5)])
def test_recordings_are_read_as_they_were_unpickled_once(recordings, name, n_frames):
    truth = np.load(recordings / f"{name}.npz")

    header, *frames, end = read(read_messages(recordings / f"{name}.cbors"))

    assert isinstance(header, SeriesHeader)
    assert header.fields == json.loads(str(truth["header_json"]))
    assert isinstance(end, SeriesEnd)
    assert [frame.frame for frame in frames] == truth["frame"].tolist() == list(range(n_frames))
    for row, frame in enumerate(frames):
        assert frame.exposure_time == truth["exptime"][row]
        assert np.array_equal(frame.histogram, truth["histogram"][row])
        assert set(frame.scalers) == set(truth) - {"histogram", "frame", "exptime", "header_json"}
        for key, array in frame.scalers.items():
            assert array.dtype == truth[key].dtype
            assert np.array_equal(array, truth[key][row])


@pytest.mark.parametrize("dialect", ["multipart", "legacy"])
def test_what_we_say_is_read_back(start, histogram, scalers, dialect):
    sender = old_dialect(dialect)
    messages = [
        *sender.header(start),
        *(message for frame in sender.frames(start, 7, histogram, scalers) for message in frame),
        *sender.end(start),
    ]

    header, *frames, end = read(messages)

    assert header.filename == "/data/a.h5"
    assert [frame.frame for frame in frames] == [7, 8, 9]
    assert np.array_equal([frame.histogram for frame in frames], histogram)
    assert np.array_equal([frame.scalers["all_good"] for frame in frames], scalers[..., 4])
    assert end.fields["session_id"] == 1763683200


def test_arrays_are_read_only():
    frame = DialectReader().feed([as_json(IMAGE), bytearray(DATA), SCALERS])

    assert not frame.histogram.flags.writeable
    assert not frame.scalers["output_count_rate"].flags.writeable


@pytest.mark.parametrize("n_came", [1, 2])
def test_a_frame_of_three_messages_that_is_torn_is_counted_and_the_next_is_read(n_came):
    reader = DialectReader()
    whole = [[as_json({**IMAGE, "frame": 4})], [DATA], [SCALERS]]

    said = read([[as_json(IMAGE)], [DATA]][:n_came] + whole, reader)

    assert [frame.frame for frame in said] == [4]
    assert reader.n_torn == 1


def test_an_end_in_the_middle_of_a_frame_is_an_end():
    reader = DialectReader()

    said = read([[as_json(IMAGE)], [as_json({"htype": "series_end"})]], reader)

    assert isinstance(said[0], SeriesEnd)
    assert reader.n_torn == 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"frame": -1}, "frame"),
        ({"frame": True}, "frame"),
        ({"frame": 1 << 62}, "frame"),
        ({"shape": [2, 3]}, "data: 16 bytes, the frame has 24"),
        ({"shape": [2]}, "shape"),
        ({"shape": [1 << 20, 1 << 20]}, "bytes, allowed"),
        ({"shape": "22"}, "shape"),
        ({"type": "object"}, "type"),
        ({"type": ["uint32"]}, "type"),
        ({"compression": "bslz4"}, "compression"),
        ({"exptime": float("nan")}, "exptime"),
        ({"exptime": "long"}, "exptime"),
        ({"htype": "header"}, "htype"),
        ({"htype": [[[[]]]]}, "htype"),
    ],
)
def test_frames_that_cannot_be_are_refused_by_name(wrong, told):
    with pytest.raises(ProtocolError, match=told):
        DialectReader().feed([as_json({**IMAGE, **wrong}), DATA, SCALERS])


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"filename": None}, "filename"),
        ({"filename": "a" * 5000}, "filename"),
        ({"overwritable": "yes"}, "overwritable"),
        ({"extra_tags": "all"}, "extra_tags"),
        ({"extra_tags": ["a", "a"]}, "twice"),
        ({"extra_tags": [1]}, "extra_tags"),
        ({"limits": [[1, 2]]}, "limits"),
        ({"limits": [[[1, 2]], [[1, "2"]]]}, "limits"),
        ({"limits": [[[1, 2]], []]}, "limits"),
        ({"limits": [["a" * 1000] * 100] * 2}, "limits"),
    ],
)
def test_headers_that_cannot_be_are_refused_by_name(fields, told):
    header = {"htype": "header", "filename": "a", **fields}

    with pytest.raises(ProtocolError, match=told):
        DialectReader().feed([as_json(header)])


def test_more_scalers_than_names_and_scalers_of_other_shapes_are_refused():
    reader = DialectReader()
    reader.feed([as_json({"htype": "header", "filename": "", "extra_tags": []})])

    with pytest.raises(ProtocolError, match="names are known for 0"):
        reader.feed([as_json(IMAGE), DATA, SCALERS])
    with pytest.raises(ProtocolError, match="2 channels"):
        DialectReader().feed([as_json(IMAGE), DATA, pickle_arrays([np.zeros(3)])])


@pytest.mark.parametrize("parts", [[], [b""], [b"{}", b""], [b"[" * 100_000], [b"{}"] * 4, [b"\xff"], [b"7"]])
def test_what_is_no_message_is_refused(parts):
    with pytest.raises(ProtocolError):
        DialectReader().feed(parts)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=4), children, max_size=2)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [IMAGE, {"htype": "header", "filename": "a", "limits": [[[0, 1]], [[2, 3]]]}, {"htype": "series_end"}]
).flatmap(
    lambda fields: st.dictionaries(
        st.sampled_from([*fields, "extra_tags", "exptime"]), VALUES, max_size=2
    ).map(lambda changes: as_json({**fields, **changes}))
)
PART = st.one_of(FIELDS, st.sampled_from([DATA, SCALERS, as_json(IMAGE)]), st.binary(max_size=40))
MESSAGE = st.one_of(
    st.lists(PART, max_size=4),
    PART.map(lambda part: [part]),
    st.tuples(FIELDS, st.just(DATA), PART).map(list),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(MESSAGE, max_size=6))
def test_any_messages_give_values_or_a_protocol_error(messages):
    reader = DialectReader()
    for parts in messages:
        try:
            said = reader.feed(parts)
        except ProtocolError:
            continue
        assert said is None or isinstance(said, (SeriesHeader, Frame, SeriesEnd))
    assert read([[as_json(IMAGE), DATA, SCALERS]])[0].frame == 3
