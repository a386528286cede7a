"""`xspress3-receiver record` as a program."""

import json
import signal

import pytest

from receivers.recorder.arguments import truth
from receivers.sessions.index import SessionIndex, index_path
from tests.receivers.conftest import SESSION


def test_the_program_records_and_ends_at_a_signal(bench, sender, program):
    recorder = program("record", "--data-dir", bench.data_dir, "--port", sender.port, "--json")
    sender.wait_joined()

    sender.start(8)
    sender.block(0)
    sender.block(4)
    sender.end(8)
    index = bench.until_closed(SESSION)
    recorder.process.send_signal(signal.SIGTERM)
    code, out, error = recorder.wait(30)

    assert (index.complete, bench.frames()) == (True, list(range(8)))
    assert code == 143, error
    last = json.loads(out.splitlines()[-1])
    assert (last["state"], last["counts"]["written"], last["counts"]["lost"]) == ("stopped", 8, 0)


def test_a_killed_recorder_is_followed_by_one_that_overwrites_nothing(bench, sender, program):
    first = program("record", "--data-dir", bench.data_dir, "--port", sender.port, "--quiet")
    sender.wait_joined()
    sender.start(8, start_time_ns=SESSION * 10**9)
    sender.block(0)
    path = index_path(bench.data_dir, "xsp3", SESSION)
    bench.until(lambda: path.exists() and SessionIndex.read(path).frames_written == 4, "4 frames written")
    first.process.kill()
    first.process.wait()
    sender._publisher._heartbeat = 0.1  # shows that the reader is gone
    sender.wait_left()
    sender._publisher._heartbeat = 1e9

    bench.join()
    sender.block(4)
    sender.end(8)
    index = bench.until_closed(SESSION)

    assert [(one.part, one.state.value) for one in index.files] == [(0, "broken"), (1, "closed")]
    assert bench.frames() == list(range(8))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--auto-start", "false"), "--http"),
        (("--gap", "0"), "--gap"),
        (("--http", "nowhere"), "ADDRESS:PORT"),
        (("--http", "0.0.0.0:0"), "token"),
        (("--stream", "nonsense"), "nonsense"),
        (("--stream", "tcp://a:1", "--stream", "tcp://a:1=x"), "twice"),
    ],
)
def test_mistakes_are_told_in_a_line(tmp_path, program, options, said):
    code, _, error = program("record", "--data-dir", tmp_path, *options).wait(30)

    assert code == 2
    assert said in error
    assert "Traceback" not in error


@pytest.mark.parametrize(("text", "value"), [("True", True), ("false", False), ("0", False), ("yes", True)])
def test_false_is_false(text, value):
    assert truth(text) is value
