"""The loop: what becomes of sessions, whatever the network says."""

from __future__ import annotations

import os
import threading
import time

import pytest
import zmq

from receivers.receiver import Receiver
from receivers.report import Outcome
from tests.keyring import make_keyring
from xspress3.errors import ConfigurationError, SinkError, StreamRefusedError
from xspress3.stream import (
    ArrayInfo,
    EndReason,
    Envelope,
    Loss,
    Numbering,
    Publisher,
    SessionStart,
    Subscriber,
)
from xspress3.stream.security import ClientGate


def test_a_whole_session_reaches_the_sink_in_order(sender, run, sink):
    def say():
        sender.start(8)
        sender.block(0)
        sender.block(4)
        sender.end(8)

    report = run(say, sink).reports[0]

    assert sink.calls == [
        ("begin", sender.session_id),
        ("write", 0, 4),
        ("write", 4, 4),
        ("end", "complete"),
    ]
    assert report.is_complete
    assert (report.frames_expected, report.frames_received, report.frames_lost) == (8, 8, 0)
    assert report.size_bytes > 0


def test_a_missing_block_and_a_loss_message_are_told_before_the_block_behind_them(sender, run, sink):
    def say():
        sender.start(20)
        sender.block(0)
        sender.sequence += 1  # frames 4..7 never leave
        sender.block(8)
        sender.loss(12, 4, "overrun")
        sender.block(16)
        sender.end(16, lost=4)

    report = run(say, sink).reports[0]

    assert sink.calls[1:-1] == [
        ("write", 0, 4),
        ("lost", 4, 4, "on the way to this reader"),
        ("write", 8, 4),
        ("lost", 12, 4, "overrun"),
        ("write", 16, 4),
    ]
    assert not report.is_complete
    assert (report.frames_received, report.frames_lost, report.missed_messages) == (12, 8, 1)
    assert [(gap.first_frame, gap.n_frames) for gap in report.gaps] == [(4, 4), (12, 4)]


def test_a_late_join_counts_what_was_before(sender, run, sink):
    def say():
        sender.sequence = 3
        sender.start(16, is_repeat=True, next_frame=8)
        sender.block(8)
        sender.start(16, is_repeat=True, next_frame=12)
        sender.block(12)
        sender.end(16)

    report = run(say, sink).reports[0]

    assert sink.calls[:2] == [("begin", sender.session_id), ("lost", 0, 8, "before this reader joined")]
    assert (report.frames_received, report.frames_lost, report.missed_messages) == (8, 8, 0)


def test_a_new_session_supersedes_one_without_an_end(sender, run, sink):
    def say():
        sender.start(8)
        sender.block(0)
        sender.session_id += 1
        sender.start(4)
        sender.block(0)
        sender.end(4)

    reports = run(say, sink, sessions=2).reports

    assert [report.outcome for report in reports] == [Outcome.SUPERSEDED, Outcome.COMPLETE]
    assert [report.frames_received for report in reports] == [4, 4]
    assert not reports[0].is_complete


def test_a_silent_sender_ends_the_session(sender, run, sink):
    def say():
        sender.start(8)
        sender.block(0)
        sender.close()

    report = run(say, sink, silence_timeout=0.2).reports[0]

    assert report.outcome is Outcome.SILENT
    assert (report.frames_received, report.frames_lost) == (4, 4)
    assert sink.calls[-1] == ("end", "silent")


def test_a_sender_that_is_connected_and_silent_is_waited_for(sender, run, sink):
    def say():
        sender.start(4)
        late = threading.Timer(0.5, session_end)
        late.start()

    def session_end():
        sender.block(0)
        sender.end(4)

    report = run(say, sink, silence_timeout=0.1).reports[0]

    assert report.outcome is Outcome.COMPLETE


def test_a_second_start_of_the_same_number_begins_anew(sender, run, sink):
    def say():
        sender.start(8)
        sender.block(0)
        sender.sequence = 0
        sender.start(4)
        sender.block(0)
        sender.end(4)

    reports = run(say, sink, sessions=2).reports

    assert [report.outcome for report in reports] == [Outcome.SUPERSEDED, Outcome.COMPLETE]
    assert [report.frames_received for report in reports] == [4, 4]


def test_a_sender_that_is_alive_elsewhere_has_ended_the_session(sender, run, sink):
    def say():
        sender.start(8)
        sender.block(0)
        sender.alive(sender.session_id)
        sender.block(4)
        sender.alive(None)

    report = run(say, sink).reports[0]

    assert report.outcome is Outcome.END_MISSED
    assert report.frames_received == 8
    assert not report.is_complete


def test_foreign_bytes_are_counted_and_passed_over(sender, run, sink):
    def say():
        sender.raw(b"\x00\xff not ours")
        sender.start(4)
        sender.raw(b'{"schema": "xspress3/1", "type": "block"}', b"")
        sender.raw(b'{"schema": "xspress3/1", "type": "weather"}')
        sender.block(0)
        sender.end(4)

    receiver = run(say, sink)

    assert receiver.protocol_errors == 2
    assert receiver.unknown == 1
    assert receiver.reports[0].is_complete


def test_messages_without_a_start_are_counted(sender, run, sink):
    def say():
        sender.block(0)
        sender.end(4)
        sender.session_id += 1
        sender.start(4)
        sender.block(0)
        sender.end(4)

    receiver = run(say, sink)

    assert receiver.orphans == 2
    assert [report.session_id for report in receiver.reports] == [sender.session_id]


def test_a_block_that_is_not_as_the_start_said_is_lost_not_written(sender, run, sink):
    def say():
        sender.start(8)
        block = sender.block_message(0, 4)
        sender.send(type(block)(block.envelope, 0, 4, block.arrays[:1]))
        sender.sequence += 1
        sender.block(4)
        sender.end(8)

    receiver = run(say, sink)

    assert receiver.protocol_errors == 1
    assert ("lost", 0, 4, "on the way to this reader") in sink.calls
    assert receiver.reports[0].frames_received == 4


def test_a_payload_that_cannot_be_unpacked_is_lost(sender, run, sink):
    def say():
        sender.start(8)
        block = sender.block_message(0, 4)
        histogram = block.arrays[0]
        broken = bytearray(histogram.payload)
        broken[16:] = b"\xff" * (len(broken) - 16)  # lengths stay, LZ4 does not
        arrays = (type(histogram)("histogram", histogram.dtype, histogram.shape, "bslz4", bytes(broken)),)
        sender.send(type(block)(block.envelope, 0, 4, arrays + block.arrays[1:]))
        sender.sequence += 1
        sender.block(4)
        sender.end(8)

    sender.truth.n_bins = 256  # 8 KiB in all: one piece
    receiver = run(say, sink)

    report = receiver.reports[0]
    assert ("lost", 0, 4, "could not be unpacked") in sink.calls
    assert (report.frames_received, report.frames_lost) == (4, 4)
    assert not report.is_complete


def test_frames_beyond_the_session_are_not_believed(sender, run, sink):
    def say():
        sender.start(4)
        sender.send(Loss(sender.envelope(), 0, 1 << 61, "all of them"))
        sender.block(1 << 40)
        sender.sequence = 1
        sender.block(0)
        sender.end(1 << 50)
        sender.end(4)

    receiver = run(say, sink)

    assert receiver.protocol_errors == 3
    assert (receiver.reports[0].frames_received, receiver.reports[0].frames_lost) == (4, 0)


def test_frames_that_come_twice_are_written_once(sender, run, sink):
    def say():
        sender.start(8)
        sender.block(0)
        sender.block(0)
        sender.block(4)
        sender.end(8)

    report = run(say, sink).reports[0]

    assert sink.calls[1:-1] == [("write", 0, 4), ("write", 4, 4)]
    assert (report.frames_received, report.duplicates) == (8, 4)


def test_a_failed_session_is_not_complete_even_without_loss(sender, run, sink):
    def say():
        sender.start(8)
        sender.block(0)
        sender.end(4, reason=EndReason.FAILED)

    report = run(say, sink).reports[0]

    assert report.outcome is Outcome.FAILED
    assert (report.frames_expected, report.frames_received) == (8, 4)
    assert not report.is_complete


def test_stop_ends_the_session_as_interrupted(sender, sink, eventually):
    stop = threading.Event()
    receiver = None

    def receive():
        nonlocal receiver
        with Subscriber(sender.endpoint) as subscriber:
            receiver = Receiver(subscriber, [sink], notify=lambda _line: None)
            receiver.run(stop=stop)

    thread = threading.Thread(target=receive)
    thread.start()
    sender.wait_joined()
    sender.start(8)
    sender.block(0)
    eventually(lambda: ("write", 0, 4) in sink.calls)
    stop.set()
    thread.join(5)

    assert sink.calls[-1] == ("end", "interrupted")
    assert receiver.reports[0].outcome is Outcome.INTERRUPTED


def test_an_error_of_one_sink_ends_the_session_of_all_and_is_raised(sender, run, sink):
    class Full(type(sink)):
        def write(self, block):
            raise SinkError("the disk is full")

    other = Full()

    def say():
        sender.start(8)
        sender.block(0)

    with pytest.raises(SinkError, match="the disk is full"):
        run(say, sink, other)

    assert sink.calls == [("begin", sender.session_id), ("write", 0, 4), ("end", "sink failed")]
    assert other.calls[-1] == ("end", "sink failed")


def test_waiting_for_a_sender_is_told_once():
    told = []
    with Subscriber("tcp://127.0.0.1:1") as subscriber:
        Receiver(subscriber, [], notify=told.append).run(idle_timeout=1.3)

    assert told == ["waiting for tcp://127.0.0.1:1"]


def test_each_start_of_a_sender_is_announced_once(sender, run, sink):
    announced = []

    def say():
        for _ in range(2):
            sender.start(0)
            sender.end(0)
            sender.session_id += 1

    run(say, sink, sessions=2, announce=announced.append)

    # Signs of life of this sender carry an epoch and its messages none: they are two to a reader.
    assert len(announced) <= 2
    assert f"joined xsp3 at {sender.endpoint} as reader-{os.getpid()}, lossless" in announced


def test_a_reader_that_was_struck_off_meanwhile_ends_its_session(tmp_path, sink):
    keys = make_keyring(tmp_path)
    numbering = Numbering("xsp3")
    numbering.begin(100)
    with zmq.Context() as context, ClientGate(context, keys.server):
        options = {"secure": keys.server.apply, "linger": 2}
        publisher = Publisher(context, "tcp://127.0.0.1:0", numbering, **options)
        with Subscriber(publisher.endpoint, secure=keys.client().apply) as subscriber:
            while not publisher.n_readers:
                publisher.serve(0.05)
            arrays = (ArrayInfo("histogram", "<u4", (2, 256)), ArrayInfo("scalers", "<u4", (2, 9)))
            publisher.send(SessionStart(numbering.envelope(), 8, 4, arrays))
            (keys.clients / "reader.key").unlink()
            publisher.close()
            after = bind_again(context, publisher.endpoint, numbering, options)
            receiver = Receiver(subscriber, [sink], notify=lambda _line: None)

            with pytest.raises(StreamRefusedError, match="does not list"):
                receiver.run()
            after.close()

    assert [report.outcome for report in receiver.reports] == [Outcome.SILENT]


def bind_again(context, endpoint, numbering, options):
    """A publisher where one was just closed; zmq frees the port a moment later."""
    deadline = time.monotonic() + 5
    while True:
        try:
            return Publisher(context, endpoint, numbering, **options)
        except ConfigurationError:
            assert time.monotonic() < deadline


def test_another_stream_with_the_same_session_number_is_not_mixed_in(sender, run, sink):
    def say():
        sender.start(4)
        mine = sender.envelope()
        sender.send(Loss(Envelope("other", mine.session_id, 1, mine.time_ns), 0, 4, "theirs"))
        sender.block(0)
        sender.end(4)

    receiver = run(say, sink)

    assert receiver.orphans == 1
    assert receiver.reports[0].is_complete
