"""Sessions of a real sender over loopback, and what a recorder leaves of them."""

import pytest

from receivers.recorder.loop import StreamRecorder
from receivers.recorder.options import Options, Source
from receivers.recorder.rules import AGGREGATOR, RECORDER, Preset
from receivers.recorder.sink import RecorderSink
from receivers.report import Outcome
from receivers.session import Session
from receivers.sessions.index import IndexState
from tests.receivers.conftest import SESSION

DIRECTORY = f"{str(SESSION)[:5]}/xsp3"


def test_a_session_goes_to_its_file_and_its_index(bench, sender):
    bench.join()

    sender.start(8)
    sender.block(0)
    sender.block(4)
    sender.end(8)
    index = bench.until_closed(SESSION)

    assert bench.names() == [f"{DIRECTORY}/{SESSION}_000.h5"]
    assert bench.frames() == list(range(8))
    assert (index.complete, index.frames_written, index.frames_expected) == (True, 8, 8)
    assert [entry.name for entry in index.files] == [f"{SESSION}_000.h5"]


def test_a_recorder_may_be_started_before_its_sender(bench, sender):
    sender.close()
    recorder = bench.record(endpoint=sender.endpoint)
    bench.sender = sender = type(sender)(sender.endpoint)

    sender.wait_joined()
    sender.start(4)
    sender.block(0)
    sender.end(4)
    bench.until_closed(SESSION)

    assert bench.frames() == [0, 1, 2, 3]
    recorder.close()
    sender.close()


def test_sessions_follow_each_other_for_ever(bench, sender):
    bench.join()
    for number in range(5):
        sender.session_id = SESSION + number
        sender.start(4)
        sender.block(0)
        sender.end(4)

    bench.until_closed(SESSION + 4)

    assert bench.names() == [f"{DIRECTORY}/{SESSION + n}_000.h5" for n in range(5)]
    assert all(bench.index(SESSION + n).complete for n in range(5))


def test_a_start_while_a_session_runs_closes_its_files(bench, sender):
    bench.join()
    sender.start()
    sender.block(0)
    sender.session_id = SESSION + 1

    sender.start()
    first = bench.until_closed(SESSION)

    assert (first.frames_written, first.complete) == (4, False)
    assert "superseded" in first.end_reason


def test_a_loss_is_in_file_and_index(bench, sender):
    recorder = bench.join()

    sender.start(12)
    sender.block(0)
    sender.loss(4, 4)
    sender.block(8)
    sender.end(12, lost=0)
    index = bench.until_closed(SESSION)

    assert index.missing == ((4, 8, "overrun"),)
    assert (index.frames_lost, index.frames_written, index.complete) == (4, 8, False)
    assert bench.frames() == [0, 1, 2, 3, 8, 9, 10, 11]
    bench.until(lambda: recorder.status().counts.lost == 4)


def test_a_file_whose_time_is_over_is_followed_by_the_next_part(bench, sender):
    recorder = bench.join(time_per_file=0.001)
    sender.start(12)
    for n_blocks, first in enumerate((0, 4, 8), start=1):
        sender.block(first)
        bench.until_written(recorder, 4 * n_blocks)

    sender.end(12)
    index = bench.until_closed(SESSION)

    assert bench.names() == [f"{DIRECTORY}/{SESSION}_{part:03d}.h5" for part in range(3)]
    assert [(entry.part, entry.first_frame) for entry in index.files] == [(0, 0), (1, 4), (2, 8)]
    assert bench.frames() == list(range(12))
    assert index.complete


def test_after_a_gap_the_session_goes_on_in_the_next_part(bench, sender):
    recorder = bench.join(preset=Preset("recorder", has_flow_control=True, gap=0.3))
    sender.start(8)
    sender.block(0)
    bench.until_written(recorder, 4)
    bench.until(lambda: bench.index(SESSION).files[0].state is IndexState.CLOSED, "the file is closed")

    sender.block(4)
    sender.end(8)
    index = bench.until_closed(SESSION)

    assert [entry.first_frame for entry in index.files] == [0, 4]
    assert (index.complete, bench.frames()) == (True, list(range(8)))


def test_the_aggregator_gives_what_comes_after_a_gap_another_id(bench, sender):
    recorder = bench.join(preset=Preset("aggregator", has_flow_control=False, gap=0.3))
    sender.start(8)
    sender.block(0)
    bench.until_written(recorder, 4)
    first = bench.until_closed(SESSION)

    sender.block(4)
    sender.end(8)
    bench.until(lambda: recorder.status().counts.written == 8)
    bench.until(lambda: recorder.status().session_id != SESSION)
    other = recorder.status().session_id
    second = bench.until_closed(other)

    assert (first.complete, first.frames_written) == (True, 4)
    assert (second.complete, second.frames_written, second.files[0].first_frame) == (True, 4, 4)
    assert other > SESSION


def test_a_recorder_that_is_started_again_goes_on_in_the_next_part(bench, sender):
    recorder = bench.join()
    sender.start(12, start_time_ns=SESSION * 10**9)
    sender.block(0)
    bench.until_written(recorder, 4)
    recorder.stop()
    sender.wait_left()
    bench.join()
    said = sender.start_message(12, next_frame=4, is_repeat=True, start_time_ns=SESSION * 10**9)

    sender.send(said)
    sender.block(4)
    sender.block(8)
    sender.end(12)
    bench.until(lambda: bench.index(SESSION).complete, "the session is complete")
    index = bench.index(SESSION)

    assert [(entry.part, entry.first_frame) for entry in index.files] == [(0, 0), (1, 4)]
    assert bench.frames() == list(range(12))
    assert (index.missing, index.complete, index.frames_written) == ((), True, 12)


def test_frames_that_are_played_again_to_a_restarted_recorder_are_not_written_twice(bench, sender):
    recorder = bench.join()
    sender.start(8, start_time_ns=SESSION * 10**9)
    sender.block(0)
    bench.until_written(recorder, 4)
    recorder.stop()
    sender.wait_left()
    again = bench.join()

    sender.send(sender.start_message(8, is_repeat=True, start_time_ns=SESSION * 10**9))
    sender.block(0)
    sender.block(4)
    sender.end(8)
    bench.until(lambda: bench.index(SESSION).complete, "the session is complete")

    assert bench.frames() == list(range(8))
    assert bench.index(SESSION).duplicates == 4
    bench.until(lambda: again.status().counts.duplicates == 4)


def test_of_a_block_that_was_recorded_in_part_the_rest_is_written(bench, sender):
    start = sender.start_message(8, start_time_ns=SESSION * 10**9)
    for blocks in ([(0, 4)], [(0, 2), (2, 6)]):
        sink = RecorderSink(Options((bench.data_dir,), min_free_bytes=0), "xsp3")
        sink.begin(start)
        for first, n_frames in blocks:
            sink.write(sender.block_message(first, n_frames))
        sink.end(Session(start, []).close(Outcome.COMPLETE)[0])
        sink.close()

    assert bench.frames() == list(range(8))
    assert [entry.first_frame for entry in bench.index(SESSION).files] == [0, 4]
    assert bench.index(SESSION).duplicates == 4


def test_another_session_with_an_id_that_was_used_gets_the_next_one(bench, sender):
    bench.join()
    sender.start(4, start_time_ns=SESSION * 10**9)
    sender.block(0)
    sender.end(4)
    bench.until_closed(SESSION)

    sender.start(4, start_time_ns=SESSION * 10**9 + 10**8)
    sender.block(0)
    sender.end(4)
    bench.until_closed(SESSION + 1)

    assert bench.names() == [f"{DIRECTORY}/{SESSION}_000.h5", f"{DIRECTORY}/{SESSION + 1}_000.h5"]


def test_the_second_recorder_of_a_directory_is_refused_until_the_first_ends(bench, sender):
    first = bench.join()
    sender.start(8, start_time_ns=SESSION * 10**9)
    sender.block(0)
    bench.until_written(first, 4)
    second = bench.record()
    sender.wait_joined(2)

    sender.send(sender.start_message(8, next_frame=4, is_repeat=True, start_time_ns=SESSION * 10**9))
    bench.until(lambda: second.status().is_degraded, "the second is degraded")

    assert "another recorder" in " ".join(second.status().degraded)
    assert not first.status().is_degraded
    assert bench.names() == [f"{DIRECTORY}/{SESSION}_000.h5"]


def test_a_failing_stream_does_not_hurt_another(bench, sender, tmp_path):
    broken = tmp_path / "gone"
    broken.mkdir()
    bad = bench.record(data_dirs=(broken,))
    good = bench.record()
    broken.rmdir()
    sender.wait_joined(2)

    sender.start(8)
    sender.block(0)
    sender.block(4)
    sender.end(8)
    bench.until_closed(SESSION)

    bench.until(lambda: bad.status().restarts > 0, "the bad one begins anew")
    assert bad.status().is_degraded
    assert (good.status().restarts, bench.frames()) == (0, list(range(8)))


def test_signs_of_life_do_not_end_a_session(bench, sender):
    recorder = bench.join()
    sender.start(8)
    sender.block(0)
    bench.until_written(recorder, 4)

    for _ in range(5):
        sender.alive(SESSION)
    sender.block(4)
    sender.end(8)

    assert bench.until_closed(SESSION).complete
    assert len(bench.names()) == 1


def test_a_stop_closes_the_session_and_says_so(bench, sender):
    recorder = bench.join()
    sender.start(8)
    sender.block(0)
    bench.until_written(recorder, 4)

    recorder.stop()

    index = bench.index(SESSION)
    assert (index.state, index.complete, index.end_reason) == (IndexState.CLOSED, False, "interrupted")
    assert recorder.status().state.value == "stopped"


@pytest.mark.parametrize("preset", [RECORDER, AGGREGATOR])
def test_the_status_tells_what_is_written(bench, sender, preset):
    recorder = bench.join(preset=preset)
    sender.start(8)
    sender.block(0)
    bench.until_written(recorder, 4)

    status = recorder.status()

    assert (status.stream_id, status.session_id, status.last_frame) == ("xsp3", SESSION, 3)
    assert status.last_file.endswith(f"{SESSION}_000.h5")
    assert (status.is_connected, status.degraded) == (True, ())
    assert status.free_bytes > 0


def test_a_listener_that_fails_ends_no_recording(bench, sender):
    def refuse(line):
        raise ValueError(line)

    options = Options((bench.data_dir,), min_free_bytes=0)
    with StreamRecorder(Source(sender.endpoint), options, refuse) as recorder:
        recorder.start()
        sender.wait_joined()
        sender.start(8)
        sender.block(0)
        sender.block(4)
        sender.end(8)

        assert bench.until_closed(SESSION).complete
        assert recorder.status().restarts == 0
