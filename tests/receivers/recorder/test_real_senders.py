"""The recorder program with streamers, their keys and their deaths, and with other streams."""

import socket
import time

import h5py
import numpy as np
import pytest

from receivers.cli import main
from receivers.recorder.loop import StreamRecorder
from receivers.recorder.options import Options, Source
from receivers.sessions.find import sessions_below
from receivers.sessions.index import SessionIndex, index_path
from receivers.sessions.loader import load_session
from receivers.sessions.session import read_session
from tests.keyring import make_keyring
from tests.programs import serve
from xspress3.config import StreamerConfig
from xspress3.model import Acquisition
from xspress3.stream import OutputStream
from xspress3.streamer import Streamer
from xspress3.testing import FakeDetector, fake_frames

PATIENCE = 60.0
N_BINS = 64
pytestmark = pytest.mark.timeout(180)


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)  # a poll with a deadline
    return found


def index_of(data_dir, stream_id, session_id, state="closed"):
    """The index on the disk as soon as it says what has become of the session."""

    def look():
        path = index_path(data_dir, stream_id, session_id)
        index = SessionIndex.read(path) if path.exists() else None
        return index if index is not None and index.state.value == state else None

    return until(look, f"session {session_id} is {state}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def make_streamer():
    made = []

    def make(n_frames, **fields):
        detector = FakeDetector(n_bins=N_BINS)
        detector.finish(n_frames)
        config = StreamerConfig(**{"data_port": 0, "monitor_port": 0, "linger": 0.2, **fields})
        made.append(Streamer(detector, config))
        return made[-1]

    yield make
    for streamer in made:
        streamer.close()


def port_of(endpoint):
    return endpoint.rpartition(":")[2]


def check_frames(data_dir, session_id, first, end):
    """Every value of every frame is that of the detector."""
    with load_session("xspress3", session_id, data_dir) as dataset:
        counts, _ = fake_frames(first, end - first, 2, N_BINS, 80_000)
        assert (dataset.histogram[first:end].values == counts).all()
        assert dataset.is_recorded[first:end].all()


def test_sessions_of_a_streamer_are_recorded_whole_by_the_program(make_streamer, program, tmp_path):
    streamer = make_streamer(200)
    program("record", "--data-dir", tmp_path, "--port", port_of(streamer.data_endpoint), "--quiet")
    streamer.wait_readers(1, timeout=PATIENCE)

    ids = []
    for _ in range(3):  # all within a second: ids are counted on
        ids.append(streamer.arm(Acquisition(0.001, frames_per_trigger=200)).session_id)
        streamer.wait(PATIENCE)

    for session_id in ids:
        index = index_of(tmp_path, "xspress3", session_id)
        assert (index.frames_written, index.frames_lost, index.complete) == (200, 0, True)
        check_frames(tmp_path, session_id, 0, 200)
    assert ids == sorted(set(ids))


def test_a_reader_with_keys_records_and_a_stranger_gets_nothing(make_streamer, program, tmp_path):
    keyring = make_keyring(tmp_path / "keys")
    keys = {"curve_secret_key": str(keyring.secret("server")), "curve_allowed_keys": str(keyring.clients)}
    streamer = make_streamer(20, **keys)
    data_dir, stolen = tmp_path / "data", tmp_path / "stolen"
    for name, directory in (("stranger", stolen), ("reader", data_dir)):
        directory.mkdir()
        said = ("--key", keyring.secret(name), "--server-key", keyring.public("server"), "--quiet")
        program("record", "--data-dir", directory, "--port", port_of(streamer.data_endpoint), *said)
    streamer.wait_readers(1, timeout=PATIENCE)

    session_id = streamer.arm(Acquisition(0.001, frames_per_trigger=20)).session_id
    streamer.wait(PATIENCE)

    assert index_of(data_dir, "xspress3", session_id).complete
    check_frames(data_dir, session_id, 0, 20)
    assert list(stolen.iterdir()) == []


def test_a_sender_that_is_killed_and_started_again_is_recorded_again(program, tmp_path):
    ports = free_port()
    program("record", "--data-dir", tmp_path, "--port", ports, "--quiet")
    session = ("--port", ports, "--exposure", 0.001, "--wait-readers", 1, "--join-timeout", 30)
    simulated = ("--sim", "source=pattern", "--sim", "clock=demand", "--sim", "channels=2")

    with serve(*session, *simulated, "--frames", 1_000_000):
        first = until(lambda: list(sessions_below(tmp_path)), "the first session is recorded")[0]
        until(lambda: index_of(tmp_path, *first, "open").frames_written, "frames are written")
    with serve(*session, *simulated, "--frames", 50) as server:
        until(lambda: len(list(sessions_below(tmp_path))) == 2, "the second session is recorded")
        second = max(sessions_below(tmp_path), key=lambda one: one[1])
        index = index_of(tmp_path, *second)
        assert server.poll() in (None, 0)

    assert (index.frames_written, index.complete) == (50, True)
    before = index_of(tmp_path, *first)
    assert (before.complete, before.frames_written > 0) == (False, True)


def test_the_second_recorder_takes_over_when_the_first_is_killed(make_streamer, program, tmp_path):
    streamer = make_streamer(8)
    port = port_of(streamer.data_endpoint)
    first = program("record", "--data-dir", tmp_path, "--port", port, "--name", "first", "--quiet")
    streamer.wait_readers(1, timeout=PATIENCE)
    one = streamer.arm(Acquisition(0.001, frames_per_trigger=8)).session_id
    streamer.wait(PATIENCE)
    index_of(tmp_path, "xspress3", one)
    source = Source(streamer.data_endpoint, reader="second")
    with StreamRecorder(source, Options((tmp_path,), min_free_bytes=0), lambda _line: None) as second:
        second.start()
        streamer.wait_readers(2, timeout=PATIENCE)
        two = streamer.arm(Acquisition(0.001, frames_per_trigger=8)).session_id
        until(lambda: "another recorder" in " ".join(second.status().degraded), "the second is refused")
        first.process.kill()
        first.process.wait()

        until(lambda: second.status().is_connected, "the second reads again")
        streamer.stop()
        three = until(lambda: arm_when_idle(streamer), "a third session begins")
        index = index_of(tmp_path, "xspress3", three)

        assert (index.frames_written, index.complete) == (8, True)
        until(lambda: second.status().counts.written >= 8, "the second has counted them")
    assert one < two < three


def arm_when_idle(streamer):
    """The id of the next session, once the one before is over and a reader is there."""
    if streamer.status().state.value != "idle" or streamer.status().n_readers != 1:
        return None
    return streamer.arm(Acquisition(0.001, frames_per_trigger=8)).session_id


def test_samples_of_another_stream_are_recorded_by_the_program(program, tmp_path):
    truth = np.arange(600, dtype="float64").reshape(100, 6)
    with OutputStream(name="signals") as output:
        output.configure(protocol="tcp", dtype=truth.dtype, shape=(-1, 6))
        program("record", "--data-dir", tmp_path, "--stream", output.url, "--quiet")
        until(lambda: output.readers, "the recorder has joined")
        output.send(truth[:40])
        output.send(truth[40:])

    stream_id, session_id = until(lambda: list(sessions_below(tmp_path)), "a file")[0]
    index = index_of(tmp_path, stream_id, session_id)
    assert (stream_id, index.frames_written, index.complete) == ("signals", 100, True)
    with load_session(stream_id, session_id, tmp_path) as dataset:
        [values] = [v for name, v in dataset.data_vars.items() if not name.startswith("block_")]
        assert (values.values == truth).all()


def test_samples_of_a_recorder_that_was_killed_are_recovered(program, tmp_path, capsys):
    truth = np.arange(600, dtype="float64").reshape(100, 6)
    with OutputStream(name="signals") as output:
        output.configure(protocol="tcp", dtype=truth.dtype, shape=(-1, 6))
        recorder = program("record", "--data-dir", tmp_path, "--stream", output.url, "--quiet")
        until(lambda: output.readers, "the recorder has joined")
        output.send(truth)
        stream_id, session_id = until(lambda: list(sessions_below(tmp_path)), "a file")[0]

        def written():
            return read_session(stream_id, session_id, tmp_path).frames_written == 100

        until(written, "all is flushed")
        recorder.process.kill()
        recorder.process.wait()

    assert main(["sessions", "RECOVER", str(tmp_path), stream_id, str(session_id)]) == 0

    assert "100 frames, 0 lost" in capsys.readouterr().out
    (made,) = tmp_path.rglob("*.recovered.h5")
    with h5py.File(made) as file:
        assert file["/entry"].attrs["recovered_from"] == f"{session_id}_000.h5"
    with load_session(stream_id, session_id, tmp_path) as dataset:
        [values] = [v for name, v in dataset.data_vars.items() if not name.startswith("block_")]
        assert (values.values == truth).all()
