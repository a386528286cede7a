"""What is said in the old dialects, against the recordings and values worked out by hand."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from receivers.recording_file import read_messages
from xspress3.errors import ProtocolError
from xspress3.stream import EndReason, Envelope, SessionEnd
from xspress3.stream.dialects import DialectReader, LegacyDialect, MultipartDialect, SeriesHeader
from xspress3.stream.dialects.pickle_bytes import pickle_arrays

NAMES = [
    "output_count_rate",
    "all_events",
    "all_good",
    "clock_ticks",
    "total_ticks",
    "reset_ticks",
    "event_width",
    "dead_time_correction",
    "window_counts",
]


@pytest.fixture
def recorded(recordings):
    """Messages of a recording."""

    def read(name: str) -> list[list[bytes]]:
        return list(read_messages(recordings / name))

    return read


def the_frames(dialect, start, histogram, scalers, **options):
    return list(dialect.frames(start, 0, histogram, scalers, **options))


def scalers_of(parts) -> dict[str, np.ndarray]:
    """The scalers as old readers get them: unpickled; the bytes are ours."""
    return dict(zip(NAMES, pickle.loads(parts), strict=False))  # noqa: S301


def test_the_header_has_the_keys_of_the_recordings_in_their_order(recorded, start):
    for dialect, name in ((MultipartDialect(), "xspress3-multipart"), (LegacyDialect(), "xspress3-dump")):
        theirs = list(json.loads(recorded(f"{name}.cbors")[0][0]))
        ours = list(json.loads(dialect.header(start)[0][0]))
        assert [key for key in ours if key in theirs] == theirs


def test_a_frame_is_said_as_in_the_recordings(recorded, start, histogram, scalers):
    multipart, legacy = recorded("xspress3-multipart.cbors"), recorded("xspress3-dump.cbors")

    (ours,) = the_frames(MultipartDialect(), start, histogram, scalers)[0]
    old = the_frames(LegacyDialect(), start, histogram, scalers)[0]

    assert len(ours) == len(multipart[1]) == 3
    assert [len(message) for message in old] == [len(message) for message in legacy[1:4]] == [1, 1, 1]
    for said, recording in ((ours[0], multipart[1][0]), (old[0][0], legacy[1][0])):
        theirs = json.loads(recording)
        assert list(json.loads(said))[: len(theirs)] == list(theirs)
        # The same spelling, spaces included, up to the values that differ.
        assert said.startswith(recording.split(b"0.")[0] + b"0.1")


@pytest.mark.parametrize("name", ["xspress3-multipart", "xspress3-dump"])
def test_scalers_have_the_types_and_shapes_of_the_recordings(recordings, start, histogram, scalers, name):
    dialect = MultipartDialect() if "multi" in name else LegacyDialect()
    theirs = np.load(recordings / f"{name}.npz")

    ours = scalers_of(the_frames(dialect, start, histogram, scalers)[0][-1][-1])

    assert list(ours) == [key for key in NAMES if key in theirs]
    for key, array in ours.items():
        assert array.dtype.str == theirs[key].dtype.str
        assert array.shape == (*theirs[key].shape[1:-1], 2)


def test_pickles_are_byte_for_byte_those_of_2023(recorded):
    reader = DialectReader()
    frames = [(reader.feed(parts), parts) for parts in recorded("xspress3-dump.cbors")[1:-1]]

    for frame, parts in frames[2::3]:
        assert pickle_arrays(list(frame.scalers.values())) == parts[0]


def test_scalers_hold_what_is_worked_out_by_hand(start, histogram, scalers):
    ((_, data, pickled),) = the_frames(MultipartDialect(), start, histogram, scalers)[1]

    said = scalers_of(pickled)

    assert bytes(data) == histogram[1].tobytes()
    assert said["all_events"].tolist() == [101, 201]
    assert said["all_good"].tolist() == [91, 181]
    assert said["clock_ticks"].tolist() == said["total_ticks"].tolist() == [8001, 8001]
    assert said["reset_ticks"].tolist() == [1001, 2001]
    assert said["event_width"].tolist() == [6, 4]
    assert said["window_counts"].tolist() == [[12, 22], [13, 23]]
    assert said["output_count_rate"] == pytest.approx([91 / 8001 * 80e6, 181 / 8001 * 80e6])
    assert said["dead_time_correction"] == pytest.approx(
        [8001 / (8001 - 101 * 7 - 1001), 8001 / (8001 - 201 * 5 - 2001)]
    )


def test_the_header_says_file_limits_names_and_the_unit_that_was_wrong(start):
    header = DialectReader().feed(MultipartDialect().header(start)[0])

    assert isinstance(header, SeriesHeader)
    assert (header.filename, header.overwritable) == ("/data/a.h5", True)
    assert list(header.names) == NAMES
    assert header.limits.tolist() == [[[1, 2], [5, 6]], [[3, 4], [7, 7]]]
    assert dict(zip(header.names, header.fields["extra_units"], strict=True))["output_count_rate"] == "1/s"
    assert "(80e6)^2" in header.fields["note"]
    assert header.fields["session_id"] == 1763683200


def test_without_a_file_name_the_header_says_an_empty_one(make_start):
    header = DialectReader().feed(LegacyDialect().header(make_start(metadata={"filename": 7}))[0])

    assert (header.filename, header.overwritable) == ("", False)
    assert list(header.names) == NAMES[:8]


def test_without_windows_the_header_says_no_limits(make_start, start):
    detector = {key: value for key, value in start.detector.items() if key != "windows"}

    header = DialectReader().feed(MultipartDialect().header(make_start(detector=detector))[0])

    assert header.limits is None


def test_frames_are_numbered_by_step_and_dated(start, histogram, scalers):
    said = [
        DialectReader().feed(messages[0])
        for messages in MultipartDialect().frames(start, 10, histogram, scalers, step=5, time_ns=77)
    ]

    assert [frame.frame for frame in said] == [10, 15, 20]
    assert [frame.exposure_time for frame in said] == [0.1, 0.1, 0.1]
    assert {frame.fields["time_ns"] for frame in said} == {77}


def test_with_gates_the_exposure_time_is_what_was_measured(make_start, histogram, scalers):
    start = make_start(acquisition={"counting_time": 0.1, "trigger_mode": "external_multi_gate"})

    ((message,), *_) = MultipartDialect().frames(start, 0, histogram, scalers)

    assert DialectReader().feed(message).exposure_time == pytest.approx(8000 * 12.5e-9)


def test_where_no_exposure_time_is_known_none_is_said(make_start, histogram, scalers):
    ((message,), *_) = MultipartDialect().frames(make_start(acquisition={}), 0, histogram, scalers)

    assert "exptime" not in json.loads(message[0])


def test_the_end_is_one_part_with_the_counts(start):
    end = SessionEnd(Envelope("xsp3", 1, 2, 3), EndReason.STOPPED, 2, 2, 1, "enough")

    ((part,),) = LegacyDialect().end(start, end)

    said = json.loads(part)
    assert part.startswith(b'{"htype":"series_end"')
    assert (said["reason"], said["acquired"], said["lost"], said["text"]) == ("stopped", 2, 1, "enough")


def test_a_block_without_frames_says_nothing(start, histogram, scalers):
    assert list(MultipartDialect().frames(start, 0, histogram[:0], scalers[:0])) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"arrays": ()}, "histogram"),
        ({"detector": {"event_widths": [6, 4]}}, "clock_period"),
        ({"detector": {"clock_period": 1e-8, "event_widths": [6]}}, "event_widths"),
        ({"detector": {"clock_period": 1e-8, "event_widths": "64"}}, "event_widths"),
        ({"detector": {"clock_period": 1e-8, "event_widths": [6, 4], "windows": [[1], 2]}}, "windows"),
    ],
)
def test_a_session_that_cannot_be_said_is_refused_by_name(make_start, changes, said):
    with pytest.raises(ProtocolError, match=said):
        MultipartDialect().header(make_start(**changes))


def test_frames_that_are_not_as_the_start_says_are_refused(start, histogram, scalers):
    for wrong in ((histogram[:, :1], scalers), (histogram.astype("<u8"), scalers), (histogram, scalers[:1])):
        with pytest.raises(ProtocolError, match="histogram"):
            the_frames(MultipartDialect(), start, *wrong)
