"""A session goes from the detector to every reader, whole, or says what is missing."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from tests.streamer.conftest import frames_of, read_session
from xspress3.errors import (
    AcquisitionError,
    AcquisitionTimeoutError,
    ConfigurationError,
    SdkError,
    StateError,
)
from xspress3.model import Acquisition, TriggerMode
from xspress3.stream import Block, EndReason, Loss, SessionEnd, SessionStart
from xspress3.streamer import Counts, State, Streamer
from xspress3.testing import fake_frames

FAST = 0.001


def internal(n_frames, exposure_time=FAST):
    return Acquisition(exposure_time=exposure_time, frames_per_trigger=n_frames)


def software(n_triggers, exposure_time=FAST):
    return Acquisition(exposure_time=exposure_time, n_triggers=n_triggers, trigger_mode=TriggerMode.SOFTWARE)


@pytest.mark.parametrize("compression", ["bslz4", "none"])
def test_every_frame_reaches_the_reader_in_order_and_unchanged(detector, make_streamer, join, compression):
    streamer = make_streamer(compression=compression)
    reader = join(streamer)
    detector.finish(100)

    streamer.arm(internal(100))
    messages = read_session(reader)

    assert isinstance(messages[0], SessionStart)
    assert frames_of(messages) == list(range(100))
    for block in messages[1:-1]:
        histogram, scalers = fake_frames(block.first_frame, block.n_frames, 2, 64, detector.ticks)
        np.testing.assert_array_equal(block["histogram"].decode(), histogram)
        np.testing.assert_array_equal(block["scalers"].decode(), scalers)
    assert [m.envelope.sequence for m in messages] == list(range(len(messages)))
    assert streamer.wait(timeout=5) == Counts(acquired=100, streamed=100, lost=0)
    assert (messages[-1].reason, messages[-1].acquired) == (EndReason.COMPLETE, 100)


def test_the_start_tells_what_was_asked_and_what_will_be_done(detector, streamer, join):
    reader = join(streamer)
    detector.finish(1)

    session = streamer.arm(internal(1, exposure_time=0.1), metadata={"sample": "Fe"})
    start = read_session(reader)[0]

    assert start.n_frames == 1
    assert start.acquisition["exposure_time"] == 0.1
    assert start.acquisition["collection_ticks"] == 8_000_000
    assert start.detector["event_widths"] == [6, 6]
    assert start.detector["windows"] == [[[0, 0], [0, 0]]] * 2
    assert start.metadata == {"sample": "Fe"}
    assert start.envelope.session_id == session.session_id


def test_frames_are_given_back_to_the_detector_once_and_in_order(detector, streamer):
    detector.finish(70)

    streamer.arm(internal(70)).wait(timeout=5)

    given_back = [f for first, n in detector.acknowledged for f in range(first, first + n)]
    assert given_back == list(range(70))


def test_sessions_follow_each_other_with_growing_numbers(detector, streamer, join):
    reader = join(streamer)
    detector.finish(3)

    starts = []
    for _ in range(5):
        streamer.arm(internal(3)).wait(timeout=5)
        starts.append(read_session(reader)[0])

    ids = [start.envelope.session_id for start in starts]
    assert ids == sorted(set(ids))


def test_each_software_trigger_gives_a_frame_at_once(detector, streamer, join):
    reader = join(streamer)
    streamer.arm(software(3, exposure_time=0.1))
    start = reader_next(reader, SessionStart)

    for frame in range(3):
        streamer.trigger()
        assert reader_next(reader, Block).first_frame == frame

    assert start.frames_per_block == 1
    assert streamer.wait(timeout=5).acquired == 3


def reader_next(reader, kind):
    while True:
        message = reader.receive(timeout=5)
        assert message is not None, f"no {kind.__name__} came"
        if isinstance(message, kind):
            return message


def test_frames_that_do_not_fill_a_block_go_after_a_while_all_the_same(detector, streamer, join):
    reader = join(streamer)
    detector.finish(5)
    streamer.arm(internal(1000))  # blocks of 32 frames

    block = reader_next(reader, Block)

    assert (block.first_frame, block.n_frames) == (0, 5)
    streamer.stop()
    assert streamer.wait(timeout=5).acquired == 5


def test_a_stop_ends_the_session_with_what_was_complete(detector, streamer, join):
    reader = join(streamer)
    detector.finish(40)
    streamer.arm(internal(1000))

    streamer.stop()
    messages = read_session(reader)

    assert frames_of(messages) == list(range(40))
    assert (messages[-1].reason, messages[-1].acquired) == (EndReason.STOPPED, 40)
    assert streamer.wait(timeout=5).acquired == 40
    assert detector.n_stops == 1
    assert streamer.state is State.IDLE


def test_a_frame_that_the_stop_cut_off_is_not_passed_on(detector, streamer, join):
    reader = join(streamer)
    detector.finish(4)
    detector.cut_ticks = detector.ticks // 2
    streamer.arm(internal(1000))
    assert reader_next(reader, Block).n_frames == 4

    streamer.stop()
    messages = read_session(reader)

    assert frames_of(messages) == []
    assert messages[-1].acquired == 4


def test_a_frame_that_was_whole_when_stopped_is_passed_on(detector, streamer, join):
    reader = join(streamer)
    detector.finish(4)
    detector.cut_ticks = detector.ticks - 1
    streamer.arm(internal(1000))
    assert reader_next(reader, Block).n_frames == 4

    streamer.stop()

    assert frames_of(read_session(reader)) == [4]


def test_frames_overwritten_in_the_ring_are_announced_and_the_rest_comes(detector, streamer, join):
    reader = join(streamer)
    detector.overwrite(before=37)
    detector.finish(100)

    streamer.arm(internal(100))
    messages = read_session(reader)

    losses = [m for m in messages if isinstance(m, Loss)]
    assert [(loss.first_frame, loss.n_frames) for loss in losses] == [(0, 37)]
    assert "overwritten" in losses[0].reason
    assert frames_of(messages) == list(range(37, 100))
    assert streamer.wait(timeout=5) == Counts(acquired=63, streamed=63, lost=37)


def test_a_reader_that_joins_in_mid_session_gets_the_start_and_what_follows(detector, streamer, join):
    first = join(streamer)
    streamer.arm(software(10))
    streamer.trigger()
    reader_next(first, Block)

    late = join(streamer, wants_backlog=False)
    start = reader_next(late, SessionStart)
    streamer.trigger()
    block = reader_next(late, Block)
    streamer.stop()

    assert (start.is_repeat, start.next_frame) == (True, 1)
    assert block.first_frame == 1
    assert block.envelope.sequence == start.envelope.sequence


def test_arming_waits_for_the_readers_that_are_required(detector, streamer, join):
    detector.finish(1)
    reader = join(streamer)

    streamer.arm(internal(1), readers=1, join_timeout=1)

    assert isinstance(read_session(reader)[0], SessionStart)


def test_arming_is_refused_when_required_readers_do_not_come(streamer):
    with pytest.raises(AcquisitionTimeoutError, match="0 of 2 readers have joined"):
        streamer.arm(internal(1), readers=2, join_timeout=0.05)

    assert streamer.state is State.IDLE


def test_a_reader_that_stops_reading_delays_the_session_and_loses_nothing(detector, make_streamer, join):
    streamer = make_streamer(queue_messages=2)
    reader = join(streamer, queue_messages=2)
    detector.finish(20_000)
    session = streamer.arm(internal(20_000, exposure_time=1e-4))

    messages = read_session(reader)

    assert frames_of(messages) == list(range(20_000))
    assert session.wait(timeout=5).lost == 0


def test_a_reader_that_goes_away_in_mid_session_delays_nobody(detector, make_streamer, join):
    streamer = make_streamer(queue_messages=2)
    with_us = join(streamer)
    gone = join(streamer, queue_messages=2)
    detector.finish(5000)

    streamer.arm(internal(5000, exposure_time=1e-4))
    reader_next(gone, Block)
    gone.close()

    assert frames_of(read_session(with_us)) == list(range(5000))


def test_nobody_need_listen(detector, streamer):
    detector.finish(1000)

    assert streamer.arm(internal(1000)).wait(timeout=5) == Counts(1000, 1000, 0)


@pytest.mark.parametrize("cause", ["error", "problems"])
def test_a_detector_that_fails_ends_the_session_with_the_reason(detector, streamer, join, cause):
    reader = join(streamer)
    detector.finish(10)
    streamer.arm(internal(1000))
    reader_next(reader, Block)

    if cause == "error":
        detector.error = SdkError("xsp3_histogram_read4d", -1, "XSP3_ERROR", "link lost")
    else:
        detector.problems = "link lost"
    end = reader_next(reader, SessionEnd)

    assert (end.reason, end.acquired) == (EndReason.FAILED, 10)
    assert "link lost" in end.text
    with pytest.raises((SdkError, AcquisitionError), match="link lost"):
        streamer.wait(timeout=5)
    assert streamer.state is State.FAULT
    assert "link lost" in streamer.status().error


def test_a_fault_is_left_by_a_reset(detector, streamer, join):
    detector.error = SdkError("xsp3_scaler_check_progress_details", -1, "XSP3_ERROR", "link lost")
    with pytest.raises(SdkError):
        streamer.arm(internal(10)).wait(timeout=5)
    with pytest.raises(StateError, match="arm while fault, allowed while idle"):
        streamer.arm(internal(10))

    detector.error = None
    detector.finish(10)
    streamer.reset()

    assert streamer.state is State.IDLE
    assert streamer.arm(internal(10)).wait(timeout=5).acquired == 10


def test_arming_twice_is_refused(detector, streamer):
    streamer.arm(internal(10))

    with pytest.raises(StateError, match="arm while armed, allowed while idle"):
        streamer.arm(internal(10))


def test_a_trigger_without_a_session_is_refused(streamer):
    with pytest.raises(StateError, match="trigger while idle"):
        streamer.trigger()


def test_waiting_for_nothing_is_refused(streamer):
    with pytest.raises(StateError, match="before anything was armed"):
        streamer.wait()


def test_the_state_follows_the_session(detector, streamer, join, eventually):
    states = [streamer.state]
    streamer.arm(software(2))
    states.append(streamer.state)
    streamer.trigger()
    eventually(lambda: streamer.state is State.STREAMING)
    streamer.trigger()
    eventually(lambda: streamer.state is State.IDLE)
    streamer.close()
    states.append(streamer.state)

    assert states == [State.IDLE, State.ARMED, State.CLOSED]


def test_closing_in_mid_session_ends_it_and_sends_the_end(detector, make_streamer, join):
    streamer = make_streamer()
    reader = join(streamer)
    detector.finish(40)
    streamer.arm(internal(1000))

    streamer.close()
    streamer.close()

    messages = read_session(reader)
    assert frames_of(messages) == list(range(40))
    assert messages[-1].reason is EndReason.STOPPED


def test_closing_does_not_wait_for_ever_for_a_reader_that_stands_still(detector, make_streamer, join):
    streamer = make_streamer(queue_messages=1, compression="none")
    join(streamer, queue_messages=1)  # and never reads
    detector.finish(100_000)
    session = streamer.arm(internal(100_000, exposure_time=1e-4))

    with pytest.raises(AcquisitionError, match="waited for a reader"):
        streamer.close()

    assert not any(thread.name.startswith("xsp3-") for thread in threading.enumerate())
    with pytest.raises(AcquisitionError, match="waited for a reader"):
        session.wait(timeout=0)


def test_a_port_in_use_is_refused_and_leaves_nothing_open(detector, streamer):
    from urllib.parse import urlsplit

    from xspress3.config import StreamerConfig

    port = urlsplit(streamer.data_endpoint).port
    with pytest.raises(
        ConfigurationError, match=rf"cannot bind tcp://127.0.0.1:{port}: Address already in use"
    ):
        Streamer(detector, StreamerConfig(data_port=port, monitor_port=0))


def test_signs_of_life_come_while_nothing_else_does(streamer, join):
    from xspress3.stream import Alive

    reader = join(streamer)

    first, second = reader.receive(timeout=2), reader.receive(timeout=2)

    assert isinstance(first, Alive)
    assert isinstance(second, Alive)
    assert (second.state, second.envelope.session_id) == ("idle", None)


def test_a_detector_that_stands_still_fails_the_session(detector, make_streamer):
    streamer = make_streamer(stall_timeout=0.1)
    detector.finish(3)

    session = streamer.arm(internal(10))

    with pytest.raises(AcquisitionTimeoutError, match=r"no frame for 0\.1 s after 3 frames"):
        session.wait(timeout=5)


def test_a_detector_that_has_given_all_waits_for_slow_readers_without_failing(detector, make_streamer, join):
    streamer = make_streamer(stall_timeout=0.1, queue_messages=1, compression="none", linger=5)
    detector.info = replace(detector.info, n_bins=4096)
    reader = join(streamer, queue_messages=1)
    detector.finish(2000)
    session = streamer.arm(internal(2000, exposure_time=1e-4))

    has_ended_unread = session.done.wait(1.0)
    messages = read_session(reader)

    assert not has_ended_unread
    assert frames_of(messages) == list(range(2000))
    assert session.wait(timeout=5) == Counts(2000, 2000, 0)


@pytest.mark.parametrize("value", [np.int64(3), float("nan"), {1, 2}, b"bytes"], ids=repr)
def test_metadata_that_cannot_travel_are_refused_before_anything_is_touched(detector, streamer, value):
    with pytest.raises(ConfigurationError, match=r"metadata: .* allowed are texts"):
        streamer.arm(internal(1), metadata={"value": value})

    assert streamer.state is State.IDLE
    assert detector.n_stops == 0


def test_metadata_larger_than_a_reader_takes_are_refused(streamer):
    with pytest.raises(ConfigurationError, match="allowed is 1048320"):
        streamer.arm(internal(1), metadata={"value": "x" * (1 << 20)})


def test_a_reset_keeps_the_ports(detector, streamer):
    endpoints = streamer.data_endpoint, streamer.monitor_endpoint
    detector.error = SdkError("xsp3_scaler_check_progress_details", -1, "XSP3_ERROR", "link lost")
    with pytest.raises(SdkError):
        streamer.arm(internal(10)).wait(timeout=5)

    streamer.reset()

    assert (streamer.data_endpoint, streamer.monitor_endpoint) == endpoints


def test_closing_tells_of_a_failure_that_nobody_asked_for(detector, make_streamer):
    streamer = make_streamer()
    detector.error = SdkError("xsp3_scaler_check_progress_details", -1, "XSP3_ERROR", "link lost")
    streamer.arm(internal(10)).done.wait(5)

    with pytest.raises(SdkError, match="link lost"):
        streamer.close()


def test_arming_that_waits_for_readers_ends_when_somebody_closes(make_streamer):
    streamer = make_streamer()
    refused = []

    def arm():
        with pytest.raises(StateError, match="closed streamer"):
            streamer.arm(internal(1), readers=1, join_timeout=30)
        refused.append(True)

    thread = threading.Thread(target=arm)
    thread.start()
    streamer.close()
    thread.join(timeout=5)

    assert refused == [True]


def test_a_session_without_end_is_over_when_it_is_stopped(detector, streamer, join):
    reader = join(streamer)
    detector.finish(500)
    streamer.arm(Acquisition(exposure_time=FAST, is_endless=True))
    reader_next(reader, Block)

    streamer.stop()

    assert streamer.wait(timeout=5) == Counts(500, 500, 0)


def test_the_start_of_a_session_without_end_says_so(detector, streamer, join):
    reader = join(streamer)
    streamer.arm(Acquisition(exposure_time=FAST, is_endless=True))

    start = reader_next(reader, SessionStart)

    assert start.n_frames is None
    assert start.acquisition["is_endless"] is True


def test_a_gate_shorter_than_the_first_is_a_frame_also_when_it_is_the_last(detector, streamer, join):
    reader = join(streamer)
    detector.finish(4)
    detector.cut_ticks = detector.ticks // 2
    gates = Acquisition(exposure_time=FAST, n_triggers=100, trigger_mode=TriggerMode.EXTERNAL_MULTI_GATE)
    streamer.arm(gates)
    assert reader_next(reader, Block).n_frames == 4

    streamer.stop()

    assert frames_of(read_session(reader)) == [4]


def test_a_detector_whose_numbers_start_again_fails_the_session(detector, streamer, join):
    reader = join(streamer)
    detector.finish(40)
    session = streamer.arm(internal(1000))
    reader_next(reader, Block)

    detector.finish(3)

    with pytest.raises(AcquisitionError, match="went back from 40 frames to 3"):
        session.wait(timeout=5)
