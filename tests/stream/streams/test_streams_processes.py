"""Streams between processes, of which one ends, is killed, or is started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from tests.stream.streams.conftest import ELSEWHERE, SHARED, WAYS
from tests.stream.streams.samples import EVENT, keep_on, ramp, samples
from xspress3 import sim
from xspress3.config import DetectorConfig
from xspress3.detector import Xspress3Detector
from xspress3.errors import SenderDiedError, StreamEndedError, StreamTimeoutError
from xspress3.model import Acquisition
from xspress3.sim.control import SimControl
from xspress3.stream import InputStream, OutputStream
from xspress3.stream.shared.segment import sweep

SENDER = """
import json, sys
import numpy as np
from xspress3.stream import OutputStream
with OutputStream(name="elsewhere") as output:
    output.configure(**json.loads(sys.argv[1]))
    print(json.dumps(output.params), flush=True)
    for line in sys.stdin:
        first, n = map(int, line.split())
        output.send(np.repeat(np.arange(first, first + n, dtype="<f4")[:, None], 2, axis=1))
        print("sent", flush=True)
"""
READER = """
import json, sys
from xspress3.errors import StreamEndedError
from xspress3.stream import InputStream
held = []
with InputStream(name="elsewhere") as reader:
    reader.connect(json.loads(sys.argv[1]))
    print("joined", flush=True)
    sys.stdin.readline()
    try:
        while True:
            index, data = reader.recv(timeout=10)
            if len(sys.argv) > 2:
                held.append(data)
            print(index, data.tobytes().hex(), flush=True)
    except StreamEndedError as error:
        print("ended", flush=True)
"""


@pytest.fixture
def run():
    """Start programs, which are killed after the test."""
    with ExitStack() as stack:

        def start(program, *arguments):
            command = [sys.executable, "-c", program, *map(str, arguments)]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture(autouse=True)
def sockets(monkeypatch):
    """Folder of ipc sockets of this test; a path as long as `tmp_path` is too long for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder) / f"xspress3-{os.getuid()}"
        sweep()


def start_sender(run, way, **options):
    options = {"dtype": "float32", "shape": [-1, 2], "heartbeat": 0.1, **WAYS[way], **options}
    process = run(SENDER, json.dumps(options))
    process.params = json.loads(process.stdout.readline())
    return process


def let_send(process, first, n_samples):
    process.stdin.write(f"{first} {n_samples}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "sent\n"


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def segments():
    return set(Path(os.environ["XSPRESS3_SHARED_MEMORY"]).glob("xspress3-*"))


@pytest.mark.parametrize("way", ELSEWHERE)
def test_what_a_stream_says_of_itself_leads_readers_of_other_processes_to_it(run, make_output, way):
    output = make_output(dtype=EVENT, shape=(-1,), **WAYS[way])
    reader = run(READER, json.dumps(output.params))
    assert reader.stdout.readline() == "joined\n"
    data = samples(EVENT, (), 20)

    output.send(data)
    reader.stdin.write("\n")
    reader.stdin.flush()
    said = reader.stdout.readline().split()
    output.close()

    assert said == ["20", data.tobytes().hex()]
    assert reader.stdout.readline() == "ended\n"


@pytest.mark.parametrize("way", ELSEWHERE)
def test_a_sender_elsewhere_that_closes_says_so(run, join, way):
    sender = start_sender(run, way)
    reader = join(sender.params)
    let_send(sender, 0, 5)

    sender.stdin.close()

    assert np.array_equal(reader.recv(timeout=5)[1], ramp(0, 5))
    with pytest.raises(StreamEndedError, match="complete; closed"):
        reader.recv(timeout=5)
    reader.close()


@pytest.mark.parametrize("way", ELSEWHERE)
def test_a_sender_that_is_killed_is_missed_after_three_signs_of_life(run, join, way):
    sender = start_sender(run, way, heartbeat=0.3)
    reader = join(sender.params)
    let_send(sender, 0, 5)

    kill(sender)

    assert reader.recv(timeout=5)[0] == 5
    with pytest.raises(SenderDiedError):
        reader.recv(timeout=5)


@pytest.mark.parametrize("way", ELSEWHERE)
def test_what_a_killed_sender_leaves_is_removed_when_the_next_begins(run, make_output, sockets, way):
    before = segments()
    sender = start_sender(run, way)
    is_shared = way in SHARED
    left = len(segments() - before), len(list(sockets.glob("*")))

    kill(sender)
    output = make_output(**WAYS[way])
    output.close()

    assert left == ((2, 0) if is_shared else (0, 1 if way == "ipc" else 0))
    assert segments() == before
    assert not list(sockets.glob("*"))


@pytest.mark.parametrize("way", ["shared by tcp"])
def test_an_array_outlives_a_sender_that_is_killed(run, join, make_output, way):
    sender = start_sender(run, way)
    reader = join(sender.params)
    let_send(sender, 0, 50)
    _, held = reader.recv(timeout=5)

    kill(sender)
    make_output(**WAYS[way]).send(ramp(0, 4))

    assert np.array_equal(held, ramp(0, 50))


def test_a_sender_that_was_started_again_is_not_taken_for_the_one_before(run, join, eventually):
    before = start_sender(run, "tcp", heartbeat=10)
    port = int(before.params["url"].rsplit(":", 1)[1])
    reader = join(before.params)
    let_send(before, 0, 9)
    reader.recv(timeout=5)
    kill(before)

    after = start_sender(run, "tcp", port=port, heartbeat=10)
    eventually(lambda: reader.poll(timeout=10))
    let_send(after, 0, 2)

    with pytest.raises(SenderDiedError, match="after sample 8 it was started again, without an end"):
        reader.recv(timeout=5)
    assert reader.recv(timeout=5)[0] == 2
    assert reader.last_index == 2


def test_a_reader_of_shared_memory_finds_a_sender_that_was_started_again(run, join):
    before = start_sender(run, "shared by tcp")
    port = int(before.params["url"].rsplit(":", 1)[1])
    reader = join(before.params)
    let_send(before, 0, 9)
    assert reader.recv(timeout=5)[0] == 9
    kill(before)

    with pytest.raises(SenderDiedError, match="lost its writer"):
        reader.recv(timeout=5)
    after = start_sender(run, "shared by tcp", port=port)
    told = []

    def send_until_joined():
        try:
            let_send(after, len(told), 1)
            told.append(reader.recv(timeout=0.1))
        except StreamTimeoutError:
            told.append(None)
        except SenderDiedError as error:
            told.append(error)
        return isinstance(told[-1], tuple)

    assert any(send_until_joined() for _ in range(200))
    index, data = told[-1]
    assert np.array_equal(data, ramp(index - 1, 1))
    assert any("was started again" in str(one) for one in told)
    let_send(after, len(told), 3)
    index, data = reader.recv(timeout=5)
    assert np.array_equal(data, ramp(index - len(data), len(data)))


@pytest.mark.parametrize("way", ELSEWHERE)
def test_a_reader_that_is_killed_sets_the_sender_free(run, make_output, eventually, way):
    before = segments()
    options = {**WAYS[way], "queue_messages": 4}
    if way in SHARED:
        options.update(buffer_size=256, chunk_size=64)
    output = make_output(**options)
    reader = run(READER, json.dumps(output.params), "hold")
    assert reader.stdout.readline() == "joined\n"
    with pytest.raises(StreamTimeoutError):
        keep_on(lambda: output.send(np.zeros((64, 2), "<f4"), timeout=0.05), most=10_000)

    kill(reader)
    output.send(np.zeros((64, 2), "<f4"), timeout=10)
    eventually(lambda: not output.readers or way in SHARED)
    output.close()

    assert segments() == before


def test_the_library_of_a_detector_writes_where_readers_look(monkeypatch, make_output, join):
    for name, value in sim.environment(clock="manual", source="pattern").items():
        monkeypatch.setenv(name, value)
    control = SimControl(sim.library_path())
    detector = Xspress3Detector.open(DetectorConfig(library=str(sim.library_path()), ring_frames=64))
    n_channels, n_bins = detector.info.n_channels, detector.info.n_bins
    output = make_output(
        dtype="<u4", shape=(-1, n_channels, n_bins), transfermode="sharedmem", buffer_size=32, chunk_size=8
    )
    reader = join(output)
    scalers = np.empty((8, n_channels, 9), "<u4")
    copy = np.empty((8, n_channels, n_bins), "<u4")
    try:
        detector.arm(Acquisition(exposure_time=0.001, frames_per_trigger=8))
        control.advance(0.1)
        with output.borrow(8) as memory:
            detector.read_into(0, memory, scalers)
        detector.read_into(0, copy, scalers)
    finally:
        detector.close()

    index, histogram = reader.recv(timeout=5)

    assert index == 8
    assert histogram.any()
    assert np.array_equal(histogram, copy)


def test_within_a_process_params_of_elsewhere_lead_nowhere(run):
    with OutputStream() as output:
        output.configure(protocol="inproc")
        reader = run(READER, json.dumps(output.params))

        assert reader.wait() == 1

    with InputStream() as again, pytest.raises(ValueError, match="nobody sends at"):
        again.connect(output.params)


def test_a_program_that_fails_before_it_closes_its_stream_ends(run):
    forgetful = run(
        "from xspress3.stream import OutputStream\n"
        "OutputStream().configure(protocol='tcp')\n"
        "raise SystemExit('nobody closed')"
    )

    assert forgetful.wait(timeout=20) == 1
