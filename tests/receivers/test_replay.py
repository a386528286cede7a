"""Recordings sent as live streams, and streams captured to recordings."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import urlsplit

import h5py
import hdf5plugin  # noqa: F401  # registers the filter
import numpy as np
import pytest
import zmq

from receivers.capture import capture
from receivers.hdf5.columns import COLUMNS
from receivers.hdf5.layout import COUNTS, DETECTOR
from receivers.hdf5.writer import Hdf5Sink
from receivers.old_series import NO_COUNT
from receivers.receiver import Receiver
from receivers.recorded import open_recording
from receivers.recorded_blocks import NOT_RECORDED, BlockMaker
from receivers.recording_file import RecordingWriter, read_messages
from receivers.replay import Replay
from tests import golden
from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.stream import Block, EndReason, Loss, SessionEnd, SessionStart, Subscriber, encode
from xspress3.stream.dialects import DialectReader, Frame, SeriesEnd, SeriesHeader


class Running:
    """A replay in a thread of its own."""

    def __init__(self, replay: Replay, result: Future, stop: threading.Event) -> None:
        self.endpoint = replay.endpoint
        self.result = result
        self.stop = stop

    def done(self):
        return self.result.result(timeout=10)


@pytest.fixture
def play() -> Iterator[Callable[..., Running]]:
    with ExitStack() as stack:

        def start(path, dialect: str = "native", **options) -> Running:
            replay = Replay(path, "tcp://127.0.0.1:*", dialect)
            stack.callback(replay.close)
            stop = threading.Event()
            pool = ThreadPoolExecutor(1)
            stack.callback(pool.shutdown)
            stack.callback(stop.set)
            return Running(replay, pool.submit(replay.run, stop=stop, **options), stop)

        yield start


@pytest.fixture
def written(run, sender, tmp_path):
    """A file of ours with blocks of 4, a hole in the middle with its reason, and one at the end."""
    (tmp_path / "in").mkdir()

    def say() -> None:
        sender.start(20)
        sender.block(0)
        sender.block(4, 2)
        sender.loss(6, 3, "overrun")
        sender.block(9, 3)
        sender.loss(12, 4, "network")
        sender.end(9, lost=7)

    with_sink = Hdf5Sink(tmp_path / "in")
    run(say, with_sink)
    with_sink.close()
    return with_sink.finished[0][1]


def native(running: Running, sessions: int = 1) -> list:
    """What a reader of our own dialect gets, without signs of life."""
    messages: list = []
    with Subscriber(running.endpoint) as reader:
        while sum(isinstance(message, SessionEnd) for message in messages) < sessions:
            message = reader.receive(5)
            assert message is not None, "nothing more came"
            if isinstance(message, (SessionStart, Block, Loss, SessionEnd)):
                messages.append(message)
    running.done()
    return messages


def old(running: Running) -> list:
    """What a reader of an old dialect gets."""
    reader, said = DialectReader(), []
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        socket.setsockopt(zmq.RCVTIMEO, 5000)
        socket.connect(running.endpoint)
        while not said or not isinstance(said[-1], SeriesEnd):
            what = reader.feed(socket.recv_multipart())
            if what is not None:
                said.append(what)
    running.done()
    return said


def blocks_of(messages: list) -> list[Block]:
    return [message for message in messages if isinstance(message, Block)]


def losses_of(messages: list) -> list[tuple[int, int, str]]:
    return [(m.first_frame, m.n_frames, m.reason) for m in messages if isinstance(m, Loss)]


def histogram_of(messages: list) -> np.ndarray:
    return np.concatenate([block["histogram"].decode() for block in blocks_of(messages)])


def test_our_own_recording_comes_as_it_was_under_a_new_number(play):
    start, *_, end = messages = native(play(golden.NATIVE))
    then = golden.native_messages()

    assert start.envelope.session_id > golden.SESSION
    assert start.envelope.epoch not in ("", golden.EPOCH)
    assert (start.envelope.stream_id, start.metadata) == ("golden", then[0].metadata)
    assert [message.envelope.sequence for message in messages] == [0, 1, 2, 3, 4, 5]
    assert [m.envelope.time_ns for m in messages] == [m.envelope.time_ns for m in then]
    assert [block.first_frame for block in blocks_of(messages)] == [0, 1, 3]
    assert np.array_equal(histogram_of(messages), histogram_of(then))
    assert losses_of(messages) == losses_of(then)
    assert (end.reason, end.acquired, end.lost) == (EndReason.COMPLETE, 3, 1)


@pytest.mark.parametrize("dialect", ["multipart", "legacy"])
@pytest.mark.parametrize("source", ["native.cbors", "native-bslz4.cbors", "multipart.cbors", "legacy.cbors"])
def test_every_recording_is_said_in_the_old_dialects(play, source, dialect):
    header, *frames, end = old(play(golden.FOLDER / source, dialect))

    assert header.filename == "/data/golden.h5"
    assert len(header.names) == (9 if dialect == "multipart" else 8)
    assert [frame.frame for frame in frames] == [0, 1, 3]
    assert np.array_equal([f.histogram for f in frames], histogram_of(golden.native_messages()))
    assert (end.fields["acquired"], end.fields["lost"]) == (3, 1)


@pytest.mark.parametrize("name", ["multipart", "legacy"])
def test_an_old_recording_becomes_a_session_with_what_it_tells(play, name):
    start, *_, end = messages = native(play(golden.FOLDER / f"{name}.cbors"))
    then = golden.native_messages()[0]

    assert start.n_frames == 4
    assert start.acquisition == then.acquisition
    assert {key: start.detector[key] for key in ("clock_period", "event_widths", "windows")} == {
        key: then.detector[key] for key in ("clock_period", "event_widths", "windows")
    }
    assert start.start_time_ns == golden.TIME_NS
    assert losses_of(messages) == [(2, 1, NOT_RECORDED)]
    assert (end.acquired, end.lost) == (3, 1)
    scalers = np.concatenate([block["scalers"].decode() for block in blocks_of(messages)])
    truth = np.concatenate([b["scalers"].decode() for b in blocks_of(golden.native_messages())])
    carried = [0, 1, 3, 4, 5, 6, 8] if name == "multipart" else [0, 1, 3, 4, 8]
    assert np.array_equal(scalers[..., carried], truth[..., carried])
    others = [place for place in range(9) if place not in carried]
    assert (scalers[..., others] == NO_COUNT).all()


@pytest.mark.parametrize("suffix", ["cbors", "npz"])
@pytest.mark.parametrize(("name", "exposure_time"), [("dump", 0.1), ("multipart", 0.05)])
def test_recordings_of_the_real_detector_become_sessions(play, recordings, name, exposure_time, suffix):
    truth = np.load(recordings / f"xspress3-{name}.npz")

    start, *_, end = messages = native(play(recordings / f"xspress3-{name}.{suffix}"))

    assert np.array_equal(histogram_of(messages), truth["histogram"])
    scalers = np.concatenate([block["scalers"].decode() for block in blocks_of(messages)])
    assert np.array_equal(scalers[..., 3], truth["all_events"])
    assert np.array_equal(scalers[..., 8], truth["total_ticks"])
    assert start.detector["clock_period"] == pytest.approx(12.5e-9)
    assert start.detector["event_widths"] == truth["event_width"][0].tolist()
    assert start.acquisition["counting_time"] == pytest.approx(exposure_time, rel=1e-5)
    assert start.metadata["filename"].endswith("_xspress3.hdf5")
    assert (end.reason, end.acquired, end.lost) == (EndReason.COMPLETE, len(truth["frame"]), 0)


def test_a_file_of_ours_is_sent_with_its_holes_and_their_reasons(play, written, sender):
    start, *_, end = messages = native(play(written))

    assert (start.n_frames, start.frames_per_block) == (16, 4)
    assert start.metadata == {"sample": "rust", "title": "Fe map"}
    assert start.acquisition == {"exposure_time": 0.001, "counting_time": 0.00099}
    assert start.detector["event_widths"] == sender.truth.event_widths
    assert [(b.first_frame, b.n_frames) for b in blocks_of(messages)] == [(0, 4), (4, 2), (9, 3)]
    assert losses_of(messages) == [(6, 3, "overrun"), (12, 4, "network")]
    assert np.array_equal(blocks_of(messages)[2]["histogram"].decode(), sender.truth.histogram(9, 3))
    assert np.array_equal(blocks_of(messages)[1]["scalers"].decode(), sender.truth.scalers(4, 2))
    assert (end.reason, end.acquired, end.lost) == (EndReason.COMPLETE, 9, 7)


def test_a_file_that_was_replayed_and_written_again_holds_the_same(play, written, tmp_path):
    (tmp_path / "out").mkdir()
    running = play(written)

    sink = Hdf5Sink(tmp_path / "out")
    with Subscriber(running.endpoint) as subscriber:
        Receiver(subscriber, [sink]).run(sessions=1, idle_timeout=5)
    sink.close()

    with h5py.File(written) as one, h5py.File(sink.finished[0][1]) as other:
        for path in ("entry/acquisition", "entry/detector", "entry/metadata", "entry/start_time"):
            assert one[path][()] == other[path][()]
        for name in ("missing", "missing_reason", "frames_written", "frames_lost"):
            assert np.array_equal(one[COUNTS][name][()], other[COUNTS][name][()]), name
        for name in ("data", *(column.name for column in COLUMNS)):
            np.testing.assert_array_equal(one[DETECTOR][name][()], other[DETECTOR][name][()], name)
    running.done()


def test_a_file_whose_writer_died_ends_as_failed(play, written):
    with h5py.File(written, "r+") as file:
        file["entry/end_reason"][()] = b"not finished"
        file["entry/counts/frames_expected"][()] = 30

    *_, loss, end = native(play(written))

    assert (loss.first_frame, loss.n_frames, loss.reason) == (16, 14, NOT_RECORDED)
    assert (end.reason, end.text, end.lost) == (EndReason.FAILED, "not finished", 21)


def test_a_loop_gives_each_session_a_new_number_until_it_is_stopped(play):
    running = play(golden.NATIVE, loop=True)
    with Subscriber(running.endpoint) as reader:
        ids: list[int] = []
        while len(ids) < 3:
            message = reader.receive(5)
            if isinstance(message, SessionStart):
                ids.append(message.envelope.session_id)
        running.stop.set()
        while not running.result.done():
            reader.receive(0.1)

    assert ids == sorted(set(ids))
    assert running.done().n_sessions >= 3


def test_frames_go_at_the_rate_asked_for(play):
    running = play(golden.NATIVE, "multipart", rate=20)
    began = time.monotonic()  # the replay waits for its reader

    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        socket.setsockopt(zmq.RCVTIMEO, 5000)
        socket.connect(running.endpoint)
        for _ in range(5):
            socket.recv_multipart()

    assert time.monotonic() - began >= 0.1  # when the third frame is due
    running.done()


def test_a_replay_that_is_stopped_ends_its_session_as_stopped(play):
    running = play(golden.NATIVE, rate=1.0)
    with Subscriber(running.endpoint) as reader:
        while not isinstance(message := reader.receive(5), SessionEnd):
            assert message is not None
            if isinstance(message, Block):
                running.stop.set()

    assert message.reason is EndReason.STOPPED
    assert running.done().n_frames == message.streamed < 3


def test_a_replay_that_waits_for_readers_is_stopped_at_once(play):
    running = play(golden.NATIVE, readers=2)

    running.stop.set()

    assert running.done().n_sessions == 0


def test_without_waiting_for_readers_nobody_holds_it_up(play):
    assert play(golden.NATIVE, readers=0).done().n_frames == 3
    assert play(golden.NATIVE, "legacy", readers=0).done().n_frames == 3


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", b"hello", "known are HDF5"),
        ("a.cbors", b"", "known are HDF5"),
        ("a.npz", b"PK\x03\x04rest", "cannot read"),
        ("a.h5", b"\x89HDF\r\n\x1a\nrest", "cannot read"),
    ],
)
def test_what_is_no_recording_is_refused_by_name(tmp_path, name, content, told):
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=told):
        list(open_recording(path)())


def test_an_hdf5_file_of_somebody_else_is_refused(tmp_path):
    h5py.File(tmp_path / "a.h5", "w").close()

    with pytest.raises(ConfigurationError, match="not a file of"):
        list(open_recording(tmp_path / "a.h5")())


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"frame": np.arange(3)}, "no array histogram"),
        ({"histogram": np.zeros((2, 3), "<u4")}, "no array histogram"),
        ({"histogram": np.zeros((2, 3, 4), "<u4"), "all_good": np.zeros((2, 2))}, "all_good"),
        ({"histogram": np.zeros((2, 3, 4), "<u4"), "frame": np.array(["a", "b"])}, "frame"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_name(tmp_path, arrays, told):
    np.savez(tmp_path / "a.npz", **arrays)

    with pytest.raises(ConfigurationError, match=told):
        list(open_recording(tmp_path / "a.npz")())


def test_counts_beyond_32_bits_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", histogram=np.full((1, 1, 4), 1 << 32))

    with pytest.raises(ProtocolError, match="histogram"):
        list(open_recording(tmp_path / "a.npz")())


def recording(path, messages):
    with RecordingWriter(path) as writer:
        for message in messages:
            writer.write(encode(message))
    return path


def test_a_recording_without_an_end_gets_one_that_says_so(tmp_path):
    path = recording(tmp_path / "a.cbors", golden.native_messages()[:-2])
    path.write_bytes(path.read_bytes()[:-1000])  # and the loss at its end is cut off as well

    *_, end = open_recording(path)()

    assert (end.reason, end.acquired, end.lost) == (EndReason.FAILED, 1, 0)
    assert "ends within the session" in end.text


def test_a_recording_that_joined_late_says_what_it_lacks(tmp_path):
    start, _, second, *rest = golden.native_messages()
    late = replace(start, is_repeat=True, next_frame=1)
    again = replace(start, is_repeat=True, next_frame=2)

    messages = list(open_recording(recording(tmp_path / "a.cbors", [late, second, again, *rest]))())

    assert losses_of(messages) == [(0, 1, NOT_RECORDED), *losses_of(rest)]
    assert not messages[0].is_repeat
    assert [block.first_frame for block in blocks_of(messages)] == [1, 3]


def test_messages_before_the_first_start_are_left_out(tmp_path):
    start, first, *_ = golden.native_messages()

    messages = list(open_recording(recording(tmp_path / "a.cbors", [first, start, first]))())

    assert [type(message) for message in messages] == [SessionStart, Block, SessionEnd]


def test_frame_numbers_that_go_back_are_counted_on():
    maker = BlockMaker()
    spectra, scalers = np.zeros((1, 4), "<u4"), np.zeros((1, 9), "<u4")

    said = [m for frame in (0, 1, 0, 1, 3) for m in maker.add(frame, spectra, scalers, 0)] + [*maker.flush()]

    assert [(type(m), m.first_frame, m.n_frames) for m in said] == [
        (Block, 0, 4),
        (Loss, 4, 1),
        (Block, 5, 1),
    ]


@pytest.mark.parametrize("dialect", ["native", "multipart", "legacy"])
def test_what_is_captured_is_what_was_sent(play, tmp_path, dialect):
    path = tmp_path / "captured.cbors"
    running = play(golden.FOLDER / "native.cbors", dialect)

    captured = capture(path, running.endpoint, dialect, sessions=1)

    running.done()
    then = list(read_messages(golden.FOLDER / f"{dialect}.cbors"))
    now = list(read_messages(path))
    assert (captured.n_sessions, captured.n_messages) == (1, len(then))
    assert [list(map(len, parts))[1:] for parts in now] == [list(map(len, parts))[1:] for parts in then]
    assert [parts[1:] for parts in now] == [parts[1:] for parts in then]
    assert captured.size_bytes == path.stat().st_size


def test_a_capture_ends_when_it_is_told_to(tmp_path):
    stop = threading.Event()
    stop.set()

    captured = capture(tmp_path / "a.cbors", "tcp://127.0.0.1:9", "legacy", stop=stop)

    assert (captured.n_sessions, captured.n_messages) == (0, 0)


def test_dialects_that_are_unknown_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="native, multipart, legacy"):
        capture(tmp_path / "a.cbors", "tcp://127.0.0.1:9", "pidgin")
    with pytest.raises(ConfigurationError, match="native, multipart, legacy"):
        Replay(golden.NATIVE, "tcp://127.0.0.1:*", "pidgin")


def test_replay_and_capture_from_the_command_line(program, tmp_path):
    player = program("replay", golden.NATIVE, "--port", 0, "--dialect", "multipart")
    port = urlsplit(player.process.stdout.readline().split()[-1]).port
    path = tmp_path / "captured.cbors"

    captor = program("capture", path, "--port", port, "--dialect", "multipart", "--sessions", 1)

    code, out, error = captor.wait()
    assert code == 0, error
    assert "5 messages of 1 session" in out
    code, out, error = player.wait()
    assert (code, out) == (0, "replayed 3 frames in 1 session, 1 announced as lost\n"), error
    reader = DialectReader()
    said = [reader.feed(parts) for parts in read_messages(path)]
    assert [type(what) for what in said] == [SeriesHeader, Frame, Frame, Frame, SeriesEnd]


def test_replay_of_a_file_that_is_not_there_ends_with_2(program, tmp_path):
    code, _, error = program("replay", tmp_path / "none.h5", "--port", 0).wait()

    assert code == 2
    assert "cannot read" in error
