"""The operations as plain methods, with a real recorder and a real stream, and a stub for OCS."""

from __future__ import annotations

import json
import threading

import h5py
import pytest

from receivers.g3.recorder import G3Recorder
from receivers.g3.source import G3Source
from receivers.ocs.agent import FEED, OcsRecorder, json_safe
from receivers.ocs.monitor import ChannelMonitor
from receivers.ocs.options import make_agent, make_parser, monitored_endpoint
from receivers.recorder.agent import Agent
from receivers.recorder.options import Options
from tests.receivers.conftest import DETECTOR_DATA
from tests.receivers.ocs.conftest import free_port, wait_for


@pytest.fixture
def recorder(tmp_path):
    source = G3Source("127.0.0.1", free_port())
    made = G3Recorder(source, Options((tmp_path,)), lambda _line: None)
    yield made
    made.close()


@pytest.fixture
def running():
    """Runs the process `record` in a thread, as OCS does."""
    ends = []

    def run(agent, session):
        results = []
        thread = threading.Thread(target=lambda: results.append(agent.start_record(session, {})))
        thread.start()
        ends.append((agent, session, thread))
        return results, thread

    yield run
    for agent, session, thread in ends:
        agent.stop_record(session, {})
        thread.join(20)
        assert not thread.is_alive()


def test_record_runs_until_it_is_told_to_stop_and_says_so(stub_agent, session, recorder, running):
    agent = OcsRecorder(stub_agent, Agent([recorder]))
    results, thread = running(agent, session)
    wait_for(lambda: session.data.get("streams", [{}])[0].get("state") == "waiting", "it does not record")

    assert agent.stop_record(session, {}) == (True, "Stopping Recording")
    thread.join(20)

    assert session.status == "stopping"
    assert results == [(True, "Finished Recording")]
    assert session.data["streams"][0]["state"] == "stopped"
    assert not recorder.is_recording


def test_record_may_be_started_again(stub_agent, session, recorder, running):
    agent = OcsRecorder(stub_agent, Agent([recorder]))
    for _ in range(2):
        _, thread = running(agent, session)
        wait_for(lambda: session.data.get("streams", [{}])[0].get("state") == "waiting", "it does not record")
        agent.stop_record(session, {})
        thread.join(20)
        assert session.data["streams"][0]["state"] == "stopped"


def test_session_data_are_json(stub_agent, session, recorder, running):
    agent = OcsRecorder(stub_agent, Agent([recorder]))
    running(agent, session)
    wait_for(lambda: session.data, "no data")

    json.dumps(session.data, allow_nan=False)
    assert session.data["monitored_channels"] == []


def test_numbers_that_json_cannot_say_are_none():
    assert json_safe({"a": [1.5, float("inf")], "b": (float("nan"), True, None), 3: "x"}) == {
        "a": [1.5, None],
        "b": [None, True, None],
        "3": "x",
    }


def test_a_recorder_that_loses_data_is_shown_as_degraded(stub_agent, session, running):
    class Bad:
        def start(self):
            pass

        def stop(self):
            pass

        def snapshot(self):
            return {"streams": [], "is_degraded": True, "time_to_full": float("inf")}

    agent = OcsRecorder(stub_agent, Bad())
    running(agent, session)

    wait_for(lambda: session.degraded, "not degraded")
    assert session.data["time_to_full"] is None


def test_frames_of_an_xspress3_are_recorded_too(stub_agent, session, running, sender, tmp_path):
    arguments = make_parser().parse_args(["--data-dir", str(tmp_path), "--stream", sender.endpoint])
    agent = OcsRecorder(stub_agent, make_agent(arguments, lambda _line: None))
    _, thread = running(agent, session)
    sender.wait_joined()
    sender.start(8)
    sender.block(0)
    sender.block(4)
    sender.end(8)

    def is_written():
        streams = session.data.get("streams")
        return streams and streams[0]["counts"]["written"] == 8

    wait_for(is_written, "not recorded")
    agent.stop_record(session, {})
    thread.join(30)
    assert monitored_endpoint(arguments) == sender.endpoint
    (path,) = tmp_path.rglob("*.h5")
    with h5py.File(path) as file:
        assert (file[f"{DETECTOR_DATA}/data"][()] == sender.truth.histogram(0, 8)).all()


def test_monitored_channels_go_to_the_feed_until_there_are_none(
    stub_agent, session, recorder, running, sender
):
    monitor = ChannelMonitor(sender.endpoint)
    agent = OcsRecorder(stub_agent, Agent([recorder]), monitor)
    assert agent.set_monitored_channels(session, {"channels": [1]}) == (True, "Set monitored channels to [1]")
    running(agent, session)
    sender.wait_joined()
    sender.start()
    first = iter(range(0, 1 << 20, 4))

    def has_published():
        sender.block(next(first))
        return stub_agent.published

    wait_for(has_published, "nothing was published")
    message = stub_agent.published[0]
    assert stub_agent.feeds[FEED]["record"] is True
    (key,) = message["data"]
    assert key.startswith("channel0001_")
    assert message["block_name"] == key
    assert len(message["timestamps"]) == len(message["data"][key]) == 1

    agent.set_monitored_channels(session, {"channels": []})
    sender.wait_left()
    n_published = len(stub_agent.published)
    sender.block(next(first))
    assert len(stub_agent.published) == n_published


def test_what_cannot_be_monitored_is_refused_in_words(stub_agent, session, recorder, sender):
    monitor = ChannelMonitor(sender.endpoint)
    agent = OcsRecorder(stub_agent, Agent([recorder]), monitor)

    assert agent.set_monitored_channels(session, {"channels": list(range(7))}) == (
        False,
        "Cannot monitor more than 6 channels",
    )
    assert agent.set_target_rate(session, {"target_rate": 11.0}) == (False, "Max target rate is 10 Hz")
    assert agent.set_target_rate(session, {"target_rate": 0.0})[0] is False
    assert agent.set_target_rate(session, {"target_rate": 2.0}) == (True, "Set target rate to 2 Hz")
    assert monitor.target_rate == 2.0


def test_without_a_stream_of_channels_there_is_nothing_to_monitor(stub_agent, session, recorder):
    agent = OcsRecorder(stub_agent, Agent([recorder]))

    assert agent.set_monitored_channels(session, {"channels": [1]})[0] is False
