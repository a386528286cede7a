"""Whom `xspress3 serve` admits, whom it waits for, and what it tells of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.keyring import Keyring, make_keyring
from tests.programs import TIMEOUT, data_port, next_event, run, running, serve

FRAMES = ("--frames", 5, "--exposure", 0.001)


@pytest.fixture
def keys(tmp_path) -> Keyring:
    return make_keyring(tmp_path)


def receiver_keys(keys, name="reader"):
    return "--key", keys.secret(name), "--server-key", keys.public("server")


def server_keys(keys):
    return "--key", keys.secret("server"), "--clients", keys.clients


def test_a_listed_reader_writes_and_a_stranger_is_told_why_not(keys, tmp_path):
    with serve(*FRAMES, "--wait-readers", 1, *server_keys(keys)) as server:
        port = data_port(server)
        refused = run("receivers.cli", "print", "--port", port, *receiver_keys(keys, "stranger"))
        captured = tmp_path / "a.cbors"
        not_captured = run(
            "receivers.cli", "capture", captured, "--port", port, *receiver_keys(keys, "stranger")
        )
        written = run(
            "receivers.cli",
            "write",
            *("--port", port, "--directory", tmp_path, "--sessions", 1),
            *receiver_keys(keys),
        )

    assert not_captured.returncode == 7
    assert not captured.exists()
    assert refused.returncode == 7
    assert refused.stderr.startswith("xspress3-receiver: no connection: the server does not list")
    assert "Traceback" not in refused.stderr
    assert written.returncode == 0, written.stderr
    assert "5 of 5 frames, 0 lost" in written.stdout


def test_keys_are_taken_from_the_environment(keys):
    server_variables = {
        "XSPRESS3_CURVE_SECRET_KEY": str(keys.secret("server")),
        "XSPRESS3_CURVE_ALLOWED_KEYS": str(keys.clients),
    }
    reader_variables = {
        "XSPRESS3_READER_KEY": str(keys.secret("reader")),
        "XSPRESS3_SERVER_KEY": str(keys.public("server")),
    }
    command = [sys.executable, "-m", "xspress3.cli", "serve", "--json", "--library", "sim"]
    ports = ["--port", "0", "--monitor-port", "0", "--wait-readers", "1", *map(str, FRAMES)]
    with subprocess.Popen(
        [*command, *ports], stdout=subprocess.PIPE, text=True, env={**os.environ, **server_variables}
    ) as server:
        try:
            reader = [sys.executable, "-m", "receivers.cli", "print", "--sessions", "1", "--port"]
            done = subprocess.run(
                [*reader, str(data_port(server))],
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                env={**os.environ, **reader_variables},
                check=False,
            )
        finally:
            server.kill()

    assert done.returncode == 0, done.stderr
    assert "5 of 5 frames" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["print", "--key", "me.key_secret"], "allowed are both or neither"),
        (["print", "--contract", "sometimes"], "allowed are 'lossless', 'latest' and 'every:N'"),
        (["print", "--name", ""], "allowed are 1..64 characters"),
        (["write", "--directory", ".", "--contract", "latest"], "unrecognized arguments: --contract"),
    ],
)
def test_what_a_receiver_cannot_be_is_told(arguments, complaint):
    done = run("receivers.cli", *arguments)

    assert done.returncode == 2
    assert complaint in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--key", "server.key_secret"], "allowed are both or neither"),
        (["--slow-reader-timeout", 5000], "slow_reader_timeout: 5000.0 s, allowed is 0 s to 3600 s"),
        (["--compression-threads", 0], "compression_threads: 0, allowed is 1..64"),
        (["--backlog-bytes", 1 << 41], "backlog_bytes: 2199023255552, allowed is"),
    ],
)
def test_what_a_server_cannot_be_is_told(arguments, complaint):
    done = run("xspress3.cli", "serve", "--library", "sim", *arguments)

    assert done.returncode == 2
    assert complaint in done.stderr


def test_nothing_begins_without_a_required_reader():
    with serve(*FRAMES, "--require", "writer", "--join-timeout", 0.2) as server:
        out, error = server.communicate(timeout=TIMEOUT)

    assert server.returncode == 6
    assert "required readers ['writer'] have not joined" in error
    assert '"session"' not in out


def test_readers_are_told_by_name_when_they_join_and_leave():
    with serve(*FRAMES, "--require", "map", "--sessions", 0) as server:
        port = data_port(server)
        reader = ("--port", port, "--name", "map", "--contract", "every:2", "--sessions", 1)
        done = run("receivers.cli", "print", *reader)
        joined, left = next_event(server, "joined"), next_event(server, "left")
        server.send_signal(signal.SIGTERM)

        assert server.wait(TIMEOUT) == 143
    assert done.returncode == 0, done.stderr
    assert (joined["reader"], joined["contract"]) == ("map", "every:2")
    assert left["reader"] == "map"
    assert left["pid"] == joined["pid"]


def test_who_serves_for_people_names_readers():
    options = ("--port", 0, "--monitor-port", 0, "--wait-readers", 1, *FRAMES)
    with running("xspress3.cli", "serve", "--library", "sim", *options) as server:
        listening = server.stdout.readline()
        port = listening.split("tcp://127.0.0.1:")[1].split(",")[0]
        run("receivers.cli", "print", "--port", port, "--sessions", 1)
        said, _ = server.communicate(timeout=TIMEOUT)

    assert "joined: reader print, host " in said
    assert ", contract lossless" in said


def test_print_says_whose_stream_it_is_and_what_it_gets():
    with serve(*FRAMES, "--wait-readers", 1, "--stream-id", "hutch") as server:
        port = data_port(server)
        done = run("receivers.cli", "print", "--port", port, "--sessions", 1, "--contract", "every:2")

    assert f"joined hutch at tcp://127.0.0.1:{port} as print, every:2" in done.stderr
    assert "hutch session" in done.stdout
    assert ", every:2\n" in done.stdout


@pytest.mark.parametrize("dialect", ["native", "legacy"])
def test_a_recording_is_replayed_to_who_is_listed_and_captured_by_them(keys, tmp_path, dialect):
    with serve(*FRAMES, "--wait-readers", 1) as server:
        recorded = tmp_path / "recorded.cbor"
        run("receivers.cli", "capture", recorded, "--port", data_port(server), "--sessions", 1)
    options = ("--port", 0, "--dialect", dialect, *server_keys(keys))
    with running("receivers.cli", "replay", recorded, *options) as sender:
        port = sender.stdout.readline().rsplit(":", 1)[1].strip()
        stranger = run(
            "receivers.cli",
            *("capture", tmp_path / "nothing", "--port", port, "--dialect", dialect),
            *receiver_keys(keys, "stranger"),
        )
        captured = run(
            "receivers.cli",
            *("capture", tmp_path / "copy", "--port", port, "--dialect", dialect, "--sessions", 1),
            *receiver_keys(keys),
        )

    assert stranger.returncode == 7
    assert "does not list the public key" in stranger.stderr
    assert captured.returncode == 0, captured.stderr
    assert "1 session" in captured.stdout
