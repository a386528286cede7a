"""The command `xspress3`: what it tells, and what it says to wrong input."""

from __future__ import annotations

import json
import signal
import socket
import subprocess

import h5py
import pytest

from tests.programs import data_port, next_event, run, running, serve
from xspress3 import sim

PLAYBACK = ("--library", "sim", "--sim", "source=playback", "--sim")


def xspress3(*arguments):
    return run("xspress3.cli", *arguments)


def test_info_shows_the_detector_behind_the_simulator():
    done = xspress3("info", "--library", "sim", "--sim", "channels=3", "--sim", "generation=4")

    assert done.returncode == 0
    rows = dict(line.strip().split("  ", 1) for line in done.stdout.splitlines())
    assert rows["library"] == str(sim.library_path())
    assert rows["generation"] == "xspress4"
    assert rows["channels"] == "3"
    assert rows["clock"] == "100 MHz, 10 ns a tick"


def test_info_shows_the_detector_behind_a_library_given_by_its_path():
    done = xspress3("info", "--library", sim.library_path())

    assert done.returncode == 0
    assert "80 MHz, 12.5 ns a tick" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "exit_code", "complaint"),
    [
        (["info", "--library", "/nowhere/lib.so"], 4, "tried /nowhere/lib.so: "),
        (["info", "--library", "sim", "--sim", "absent=1"], 5, "Cannot initialise Fem"),
        (["info", "--library", "sim", "--base-ip", "here"], 2, "base_ip='here', allowed is an address"),
        (["info", "--library", "sim", "--channels", "9"], 5, "9"),
        (["info", "--library", "sim", "--ring-frames", "0"], 2, "ring_frames=0, allowed is 1.."),
        (["info", "--library", "sim", "--settings", "/nowhere"], 5, "Cannot open input file /nowhere"),
        (["info", "--library", "sim", "--sim", "colour=blue"], 2, "colour"),
        (["info", "--library", "sim", "--sim", "channels"], 2, "allowed is KEY=VALUE"),
        (["info", "--sim", "channels=4", "--library", "x.so"], 2, "goes with --library sim only"),
        (["serve", "--library", "sim", "--exposure", "0"], 2, "exposure_time: 0.0 s, allowed is above 0 s"),
        (["serve", "--library", "sim", "--port", "0", "--exposure", "100"], 2, "allowed is"),
        (["serve", "--library", "sim", "--frames", "99999999"], 2, "frames_per_trigger: 99999999, allowed"),
        (["serve", "--library", "sim", "--trigger-period", "0.01"], 2, "trigger_period: 0.01 s, allowed is"),
        (["serve", "--library", "sim", "--latency", "0.05"], 2, "latency_time: 0.05 s with trigger mode"),
        (["serve", "--library", "sim", "--port", "70000"], 2, "data_port: 70000, allowed is 0..65535"),
        (["serve", "--library", "sim", "--interface", "1.2.3.4"], 2, "cannot bind tcp://1.2.3.4:"),
        (["info", *PLAYBACK, "playback=/nowhere.npz"], 5, "/nowhere.npz"),
    ],
)
def test_what_cannot_be_is_one_line_and_an_exit_code(arguments, exit_code, complaint):
    done = xspress3(*arguments)

    assert done.returncode == exit_code, done.stderr
    assert complaint in done.stderr
    assert done.stderr.startswith("xspress3: ")
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_one_line_and_an_exit_code():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = xspress3("serve", "--library", "sim", "--port", port)

    assert done.returncode == 2
    assert f"cannot bind tcp://127.0.0.1:{port}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_readers_that_do_not_come_are_told():
    options = ("--port", 0, "--monitor-port", 0, "--wait-readers", 2, "--join-timeout", 0.1)

    done = xspress3("serve", "--library", "sim", *options)

    assert done.returncode == 6
    assert "0 of 2 readers have joined" in done.stderr


def test_serve_takes_the_sessions_asked_for_and_ends():
    with serve("--frames", 5, "--exposure", 0.001, "--sessions", 3) as server:
        output, _ = server.communicate(timeout=15)

    ends = [e for e in map(json.loads, output.splitlines()) if e["event"] == "end"]
    assert [end["acquired"] for end in ends] == [5, 5, 5]
    assert server.returncode == 0


def test_serve_gives_software_triggers():
    with serve("--frames", 5, "--exposure", 0.001, "--trigger-period", 0.01) as server:
        output, _ = server.communicate(timeout=15)

    assert json.loads(output.splitlines()[-1])["acquired"] == 5


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_serve_ends_its_session_properly_when_it_is_told_to_stop(tmp_path, number, exit_code):
    with serve("--frames", 100_000, "--exposure", 0.001, "--wait-readers", 1) as server:
        options = ("--port", data_port(server), "--directory", tmp_path, "--sessions", 1, "--json")
        with running("receivers.cli", "write", *options) as writer:
            next_event(server, "session")
            server.send_signal(number)
            output, errors = server.communicate(timeout=15)
            written, _ = writer.communicate(timeout=15)

    end = json.loads(output.splitlines()[-1])
    report = json.loads(written)["sessions"][0]
    assert (server.returncode, errors) == (exit_code, "")
    assert report["outcome"] == "stopped"
    assert report["frames_received"] == end["acquired"]
    with h5py.File(report["path"]) as file:
        assert file["/entry/instrument/xspress3/data"].shape[0] == end["acquired"]


def test_serve_told_to_stop_while_it_waits_for_readers_ends_at_once():
    with serve("--wait-readers", 1) as server:
        next_event(server, "listening")
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=5)

    assert server.returncode == 130


def test_the_demonstration_shows_what_it_wrote(tmp_path):
    done = xspress3("demo", "--no-tango", "--frames", 100, "--exposure", 0.001, "--directory", tmp_path)

    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("*.h5"))) == 1
    assert "100" in done.stdout


@pytest.mark.parametrize(
    ("options", "exit_code", "complaint"),
    [
        (["--exposure", "100"], 2, "allowed is"),
        (["--channels", "17"], 5, "CHANNELS"),
        (["--directory", "/nowhere"], 8, "directory /nowhere does not exist"),
    ],
)
def test_a_demonstration_that_cannot_be_ends_with_the_reason(options, exit_code, complaint):
    done = xspress3("demo", "--no-tango", "--frames", 10, *options)

    assert done.returncode == exit_code
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", [["--sessions", "-1"], ["--join-timeout", "nan"], ["--wait-readers", "x"]])
def test_an_option_that_cannot_be_is_refused_by_name(option):
    done = xspress3("serve", "--library", "sim", *option)

    assert done.returncode == 2
    assert f"argument {option[0]}" in done.stderr


def test_serving_goes_on_when_nobody_reads_what_it_tells(tmp_path):
    with serve("--frames", 200, "--exposure", 0.005, "--wait-readers", 1) as server:
        options = ("--port", data_port(server), "--directory", tmp_path, "--sessions", 1, "--quiet", "--json")
        server.stdout.close()
        done = run("receivers.cli", "write", *options)
        server.wait(15)
        errors = server.stderr.read()
        server.stdout = None

    assert json.loads(done.stdout)["sessions"][0]["frames_received"] == 200
    assert "Traceback" not in errors


def test_frames_without_end_are_taken_until_a_signal(tmp_path):
    with serve("--frames", 0, "--exposure", 0.001, "--wait-readers", 1) as server:
        options = ("--port", data_port(server), "--directory", tmp_path, "--sessions", 1, "--quiet", "--json")
        with running("receivers.cli", "write", *options) as writer:
            next_event(server, "session")
            with pytest.raises(subprocess.TimeoutExpired):
                server.wait(0.5)
            server.send_signal(signal.SIGTERM)
            output, _ = server.communicate(timeout=15)
            written, _ = writer.communicate(timeout=15)

    report = json.loads(written)["sessions"][0]
    assert (report["outcome"], report["is_complete"]) == ("stopped", True)
    assert report["frames_received"] == json.loads(output.splitlines()[-1])["acquired"] > 100


@pytest.mark.parametrize(
    ("mode", "pulses"),
    [
        (["external_multi", "--trigger-each"], ["--edges", 5, "--period", 0.01]),
        (["external_multi_gate"], ["--gate", 0.004, 0.004, 5]),
    ],
)
def test_frames_are_triggered_from_another_process(tmp_path, mode, pulses):
    socket_path = tmp_path / "sim"
    options = ("--sim", f"socket={socket_path}", "--exposure", 0.001, "--frames", 5, "--trigger", *mode)
    with serve(*options) as server:
        next_event(server, "session")
        done = xspress3("sim-trigger", "--socket", socket_path, *pulses)
        output, errors = server.communicate(timeout=15)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(output.splitlines()[-1])["acquired"] == 5, errors
