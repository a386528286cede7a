"""Triggers from another process: the client, the command, and what both say when it cannot be."""

from __future__ import annotations

import socket

import pytest

from tests.programs import run
from tests.sim.conftest import HARDWARE, TICK
from xspress3.errors import ConfigurationError, StateError
from xspress3.sim import trigger


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sim.socket"


@pytest.fixture
def triggered(simulate, path):
    """A system that waits for 10 triggers, with a frame of 100 ticks for each."""
    system = simulate(socket=path)
    system.setup(n_frames=10, ticks=100, trigger=HARDWARE)
    system.histogram_start(-1)
    return system


def sim_trigger(*arguments):
    return run("xspress3.cli", "sim-trigger", *arguments)


def test_edges_sent_from_outside_trigger_frames(triggered, control, path):
    trigger.send(trigger.edges(3, 200 * TICK), path)  # at 0, 200, 400
    control.advance(499 * TICK)
    before = triggered.progress()
    control.advance(1 * TICK)

    assert (before, triggered.progress()) == (2, 3)


def test_gates_and_levels_too(triggered, control, path):
    triggered.set_glob_timeA(0, 4)
    triggered.histogram_start(-1)
    trigger.send(trigger.gate(70 * TICK, 30 * TICK, 2), path)
    control.advance(300 * TICK)
    trigger.send(trigger.ttl(1, True), path)
    control.advance(55 * TICK)
    trigger.send(trigger.ttl(1, False), path)

    assert triggered.progress() == 3
    assert triggered.scalers(0, 3)[:, 0, 8].tolist() == [70, 70, 55]


def test_the_environment_says_where(triggered, control, path, monkeypatch):
    monkeypatch.setenv("XSPRESS3_SIM_SOCKET", str(path))
    trigger.send(trigger.edges(1, 1.0))
    control.advance(1)

    assert triggered.progress() == 1


def test_a_refusal_has_the_words_of_the_simulator(triggered, path):
    with pytest.raises(trigger.TriggerRefusedError, match=r"'edges 1 0\.0' to .*: high=0 low=0 out of range"):
        trigger.send(trigger.edges(1, 0.0), path)
    with pytest.raises(trigger.TriggerRefusedError, match=r"allowed is: edges N PERIOD, gate HIGH LOW N"):
        trigger.send("fire", path)


def test_nobody_there_is_said_with_what_was_tried(path, monkeypatch):
    monkeypatch.delenv("XSPRESS3_SIM_SOCKET", raising=False)
    with pytest.raises(ConfigurationError, match="XSPRESS3_SIM_SOCKET is not set"):
        trigger.send(trigger.edges(1, 1.0))
    with pytest.raises(StateError, match=rf"'edges 1 1.0' to {path}: No such file.*SOCKET={path}"):
        trigger.send(trigger.edges(1, 1.0), path)
    with pytest.raises(ConfigurationError, match="too long"):
        trigger.send(trigger.edges(1, 1.0), "/" + 200 * "x")


def test_who_does_not_answer_is_not_waited_for_without_end(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(path))
        with pytest.raises(trigger.TriggerTimeoutError, match=r"to .*: no answer within 0\.05 s"):
            trigger.send(trigger.edges(1, 1.0), path, timeout=0.05)


def test_the_socket_is_there_while_the_detector_is_open_and_only_then(library, triggered, path):
    was_there = path.exists()
    triggered.close(0)

    assert was_there
    assert not path.exists()
    with pytest.raises(StateError):
        trigger.send(trigger.edges(1, 1.0), path)


def test_a_socket_in_use_is_an_error_that_names_it(library, triggered, simulate, path):
    with pytest.raises(AssertionError, match=r"SOCKET=.*sim\.socket: Address already in use"):
        simulate(socket=path, card_index=5)


def test_the_command_gives_edges_and_gates(triggered, control, path):
    first = sim_trigger("--socket", path, "--edges", 2, "--period", 1)
    control.advance(5)
    n_edges = triggered.progress()
    second = sim_trigger("--socket", path, "--gate", 0.5, 0.5, 3)
    control.advance(5)

    assert (first.returncode, first.stdout, first.stderr) == (0, "", "")
    assert second.returncode == 0
    assert (n_edges, triggered.progress()) == (2, 5)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "complaint"),
    [
        (["--edges", "1", "--period", "1"], 3, "'edges 1 1.0' to /nowhere/socket: No such file or directory"),
        (["--edges", "1"], 2, "--edges needs --period"),
        (["--gate", "1", "x", "1"], 2, "--gate 1 x 1: could not convert"),
        (["--gate", "1", "1", "1", "--period", "1"], 2, "--period goes with --edges"),
        (["--edges", "1", "--period", "1", "--timeout", "0"], 2, "--timeout 0.0, allowed is above 0 s"),
    ],
)
def test_what_cannot_be_is_one_line_and_an_exit_code(arguments, exit_code, complaint):
    done = sim_trigger("--socket", "/nowhere/socket", *arguments)

    assert done.returncode == exit_code
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
