"""What workers say of events, and what the reducer makes of it, without a cluster around them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from receivers.dranspose import XrfMapReducer, XrfMapWorker
from receivers.dranspose.events import EventCutter, event_of
from receivers.dranspose.results import FramesLost, FrameSums, MapRefused
from receivers.scan import POSITIONS
from tests.receivers.conftest import Truth
from xspress3.stream import ArrayInfo, Block, EncodedArray, EndReason, Envelope, SessionEnd, SessionStart
from xspress3.stream.tracker import Gap

TRUTH = Truth()
N_FRAMES = 6


def start_of(session_id=1, time_ns=100, **metadata):
    arrays = (
        ArrayInfo("histogram", "<u4", (TRUTH.n_channels, TRUTH.n_bins)),
        ArrayInfo("scalers", "<u4", (TRUTH.n_channels, 9)),
    )
    detector = {"clock_period": TRUTH.clock_period, "event_widths": TRUTH.event_widths}
    metadata = {"scan": {"shape": [2, 3]}, **metadata}
    envelope = Envelope("x", session_id, 0, 0)
    return SessionStart(
        envelope, N_FRAMES, 4, arrays, detector=detector, metadata=metadata, start_time_ns=time_ns
    )


def block_of(first, n_frames, session_id=1, positions=None):
    arrays = {"histogram": TRUTH.histogram(first, n_frames), "scalers": TRUTH.scalers(first, n_frames)}
    if positions is not None:
        arrays[POSITIONS] = np.array(positions)
    encoded = tuple(EncodedArray(n, a.dtype, a.shape, "none", a.tobytes()) for n, a in arrays.items())
    return Block(Envelope("x", session_id, 1, 0), first, n_frames, encoded)


def end_of(session_id=1, reason=EndReason.COMPLETE):
    return SessionEnd(Envelope("x", session_id, 9, 0), reason, N_FRAMES, N_FRAMES, 0)


def event(parts, kind="xspress3"):
    return SimpleNamespace(streams={"any": SimpleNamespace(typ=kind, frames=parts)})


def results(worker, *items, parameters=None):
    cutter = EventCutter(1)
    events = [made for item in items for made in cutter.events(item)]
    return [worker.process_event(event(parts), parameters) for parts in events]


def give(reducer, said):
    for payload in said:
        reducer.process_result(SimpleNamespace(payload=payload))


def window0(reducer):
    return reducer.publish["counts"]["in_window0"].reshape(-1).tolist()


def state(reducer):
    return {name: reducer.publish["state"][name] for name in ("state", "frames", "lost", "outside")}


SESSION = (start_of(), block_of(0, N_FRAMES), end_of())
WHOLE = [0, 2, 4, 6, 8, 10]


def test_results_may_come_in_any_order_and_again():
    start, *frames, end = results(XrfMapWorker(), *SESSION)
    reducer = XrfMapReducer()

    give(reducer, [start, frames[4], end, frames[0], start, *frames[1:], frames[2], end])

    assert window0(reducer) == WHOLE
    assert state(reducer) == {"state": "complete", "frames": N_FRAMES, "lost": 0, "outside": 0}


def test_what_is_left_of_the_session_before_is_passed_over():
    before = (start_of(1, 100), block_of(0, 3, 1), end_of(1, EndReason.FAILED))
    old_start, *old = results(XrfMapWorker(), *before)
    new_start, *new = results(XrfMapWorker(), start_of(2, 200), block_of(0, 1, 2))
    reducer = XrfMapReducer()

    give(reducer, [old_start, new_start, *old, old_start, *new])

    assert np.nan_to_num(window0(reducer), nan=-1).tolist() == [0, -1, -1, -1, -1, -1]
    assert state(reducer)["state"] == "running"
    assert reducer.publish["state"]["session_id"] == 2


def test_positions_in_the_blocks_go_before_the_order_of_the_scan():
    positions = np.array([[1, 2], [0, 0], [5, 5]], dtype="<i4")
    worker, reducer = XrfMapWorker(), XrfMapReducer()

    give(reducer, results(worker, start_of(), block_of(0, 3, positions=positions)))

    assert window0(reducer)[5] == 0
    assert window0(reducer)[0] == 2
    assert state(reducer) == {"state": "running", "frames": 2, "lost": 0, "outside": 1}


@pytest.mark.parametrize("positions", [np.zeros((3, 2)), np.zeros((3, 3), dtype="<i4")])
def test_positions_that_cannot_be_make_the_frame_lost(positions):
    said = results(XrfMapWorker(), start_of(), block_of(0, 3, positions=positions))

    assert all(isinstance(result, FramesLost) for (result,) in said[1:])


def test_lost_frames_stay_unknown_and_are_counted_once():
    reducer = XrfMapReducer()
    said = results(XrfMapWorker(), start_of(), block_of(0, 4), Gap(4, 2, "overrun"), end_of())

    give(reducer, [*said, *said])

    assert np.isnan(window0(reducer)[4:]).all()
    assert state(reducer) == {"state": "complete", "frames": 4, "lost": 2, "outside": 0}
    assert reducer.publish["state"]["text"] == "frame 5: overrun"


def test_frames_without_a_start_are_lost_not_wrong():
    ((result,),) = results(XrfMapWorker(), block_of(0, 1))

    assert isinstance(result, FramesLost)
    assert result.reason == "the session was not begun here"


@pytest.mark.parametrize(
    "metadata",
    [
        {"scan": {"shape": [0, 1]}},
        {"rois": {"a": [0, 1 << 19]}},
        {"rois": {"x": [0, 1]}},
        {"rois": 7},
    ],
)
def test_a_session_that_cannot_be_mapped_says_why_until_another_one_comes(metadata):
    worker, reducer = XrfMapWorker(), XrfMapReducer()

    said = results(worker, start_of(**metadata), block_of(0, 2), end_of())
    give(reducer, said)

    assert isinstance(said[0][0], MapRefused)
    assert state(reducer)["state"] == "failed"
    give(reducer, results(XrfMapWorker(), start_of(2, 200), block_of(0, 1, 2)))
    assert state(reducer)["state"] == "running"


def test_parameters_go_before_metadata_and_hold_from_the_next_session_on():
    parameters = {"rois": SimpleNamespace(data=b"a: 0-9"), "channels": SimpleNamespace(data=b"1")}
    worker = XrfMapWorker()

    said = results(worker, start_of(rois={"b": [0, 1]}), parameters=parameters)
    later = results(worker, block_of(0, 1), parameters={"rois": SimpleNamespace(data=b"c: 1-2")})

    assert said[0][0].regions == ("in_window0", "in_window1", "a")
    assert said[0][0].channels == (1,)
    assert isinstance(later[0][0], FrameSums)
    assert later[0][0].counts[2].tolist() == [int(TRUTH.histogram(0, 1)[0, 1, :10].sum(dtype="u8"))]


def test_an_event_that_cannot_be_read_is_a_result_not_an_error():
    worker = XrfMapWorker()

    (result,) = worker.process_event(event([b"\x80\x04nonsense"]))

    assert isinstance(result, FramesLost)


def test_events_of_other_streams_are_none_of_ours():
    assert XrfMapWorker().process_event(event([b"x"], kind="eiger")) is None


def test_a_map_that_is_over_before_its_session_is_unfinished():
    reducer = XrfMapReducer()
    give(reducer, results(XrfMapWorker(), start_of(), block_of(0, 2)))

    reducer.finish()

    assert state(reducer)["state"] == "unfinished"


def test_a_session_is_complete_only_when_every_frame_was_told_of():
    start, *frames, end = results(XrfMapWorker(), *SESSION)
    reducer = XrfMapReducer()

    give(reducer, [start, *frames[:4], end])
    assert state(reducer) == {"state": "running", "frames": 4, "lost": 0, "outside": 0}
    assert reducer.publish["state"]["missing"] == 2

    give(reducer, frames[4:])
    assert state(reducer)["state"] == "complete"
    assert reducer.publish["state"]["missing"] == 0


def test_frames_that_no_worker_told_of_leave_the_map_unfinished():
    start, *frames, end = results(XrfMapWorker(), *SESSION)
    reducer = XrfMapReducer()
    give(reducer, [start, *frames[1:], end])

    reducer.finish()

    assert state(reducer)["state"] == "unfinished"
    assert reducer.publish["state"]["text"] == "nothing came of 1 frames"


def test_results_that_come_when_the_events_are_used_up_count_all_the_same():
    start, *frames, end = results(XrfMapWorker(), *SESSION)
    reducer = XrfMapReducer()
    give(reducer, [start, *frames[2:], end])
    reducer.finish()
    assert reducer.publish["state"]["missing"] == 2

    give(reducer, frames[:1])
    assert reducer.publish["state"]["missing"] == 1
    give(reducer, frames[1:2])

    assert state(reducer)["state"] == "complete"
    assert reducer.publish["state"]["text"] == ""


def test_an_end_without_a_session_is_told():
    reducer = XrfMapReducer()
    worker = XrfMapWorker()
    end = SessionEnd(Envelope("", 0, 0, 0), EndReason.FAILED, 0, 0, 0, "StreamRefusedError: no")

    give(reducer, [worker.process_event(event(event_of(end)))])

    assert reducer.publish["state"]["state"] == "failed"
    assert reducer.publish["state"]["text"] == "StreamRefusedError: no"
