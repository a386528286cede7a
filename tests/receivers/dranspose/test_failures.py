"""Parts of the cluster are killed amid a scan: what is lost is told, and the next map is whole."""

from __future__ import annotations

import pytest

from examples.dranspose.cluster import Cluster, Ingester, free_port
from tests.receivers.conftest import Sender
from tests.receivers.dranspose.conftest import ONE, PATIENCE, SESSIONS, Site, require_dranspose

pytestmark = pytest.mark.timeout(240)

N_FRAMES = 40


@pytest.fixture
def small(tmp_path):
    """A cluster whose parts may be killed."""
    require_dranspose()
    port = free_port()
    options = {"XSPRESS3_SILENCE_TIMEOUT": "60", "XSPRESS3_PATIENCE": "2"}
    ours = Ingester(ONE, "receivers.dranspose:Xspress3Ingester", f"tcp://127.0.0.1:{port}", options)
    with Cluster(tmp_path, [ours]) as cluster:
        yield Site(cluster, {ONE: port})


@pytest.fixture
def sender(small):
    made = Sender(f"tcp://127.0.0.1:{small.ports[ONE]}")
    made.session_id = next(SESSIONS)
    yield made
    made.close()


def wait(small, sender, condition, what):
    small.meanwhile(lambda: small.cluster.wait(condition, PATIENCE, what), sender)


def begin(small, sender):
    """A scan has begun; each of the two workers has been given an event that has not come yet."""
    small.post(sender, N_FRAMES)
    sender.start(N_FRAMES)
    wait(small, sender, lambda: len(_who_began(small)) == 2, "both workers have begun")
    assert small.cluster.state()["state"] == "running"


def send_first(small, sender):
    sender.block(0)
    wait(small, sender, lambda: small.cluster.state()["frames"] == 4, "the first frames are there")


def _who_began(small):
    return small.cluster.controller("status")["work_completed"].get("0", [])


def send_rest(sender):
    for first in range(4, N_FRAMES, 4):
        sender.block(first)
        sender.serve()
    sender.end(N_FRAMES)


def stopped(small, sender):
    """What is published when somebody has ended the map by hand."""
    assert small.cluster.state()["state"] == "running"
    small.cluster.stop()
    wait(small, sender, lambda: small.cluster.state()["state"] == "unfinished", "the map is over")
    state = small.cluster.state()
    assert state["missing"] == N_FRAMES - state["frames"]
    assert state["text"] == f"nothing came of {state['missing']} frames"
    return state


def check_next_map(small, sender):
    """A later map is whole; while the first is on workers may still connect anew, and it is ended by hand."""
    for _ in range(3):
        small.post(sender, 8)
        sender.session_id = next(SESSIONS)
        sender.start(8)
        sender.block(0)
        sender.block(4)
        sender.end(8)
        try:
            small.meanwhile(lambda: small.cluster.wait_finished(15), sender)
        except TimeoutError:
            small.cluster.stop()
            continue
        state = small.cluster.state()
        assert (state["state"], state["frames"], state["missing"]) == ("complete", 8, 0)
        return
    pytest.fail("no map was done")


def test_a_worker_that_is_killed_costs_at_most_the_frames_it_was_given(small, sender):
    begin(small, sender)

    small.cluster.kill("worker1")
    sender.block(0)
    send_rest(sender)

    wait(small, sender, lambda: small.cluster.state()["frames"] > N_FRAMES // 2, "the other goes on")
    small.cluster.stop()
    wait(small, sender, lambda: small.cluster.state()["state"] != "running", "the map is over")
    state = small.cluster.state()
    # How many frames it had been given is a matter of chance, perhaps none.
    assert state["missing"] == N_FRAMES - state["frames"]
    assert state["state"] == ("unfinished" if state["missing"] else "complete")
    small.cluster.restart("worker1")
    check_next_map(small, sender)


def test_an_ingester_that_is_killed_ends_the_map_but_not_the_stream(small, sender):
    begin(small, sender)
    send_first(small, sender)

    small.cluster.kill("ingester-xspress3")
    send_rest(sender)
    sender.wait_left(timeout=PATIENCE)

    assert stopped(small, sender)["frames"] == 4
    small.cluster.restart("ingester-xspress3")
    check_next_map(small, sender)


def test_a_controller_that_is_killed_forgets_the_map_and_takes_the_next_one(small, sender):
    begin(small, sender)
    send_first(small, sender)

    small.cluster.kill("controller")
    send_rest(sender)
    sender.wait_left(timeout=PATIENCE)  # after its patience the ingester holds up nobody

    state = small.cluster.state()
    assert state["state"] == "running"
    assert state["frames"] < N_FRAMES
    small.cluster.restart("controller")
    check_next_map(small, sender)
