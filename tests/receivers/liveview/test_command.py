"""`xspress3-receiver view` as a program: a page, a picture, and sentences when something is missing."""

from __future__ import annotations

import json
import signal
from urllib.request import urlopen

import pytest

from receivers.cli import main
from tests.programs import next_event, run, running, serve
from tests.receivers.liveview.conftest import PATIENCE
from xspress3.errors import StreamTimeoutError


@pytest.fixture(scope="module")
def server():
    options = ("--frames", 0, "--exposure", 0.01, "--sim", "channels=2", "--sim", "source=physics")
    with serve(*options) as process:
        told = next_event(process, "listening")
        ports = {name: int(told[name].rsplit(":", 1)[1]) for name in ("data", "monitor")}
        yield ("--stream-port", ports["data"], "--monitor-port", ports["monitor"])


def test_the_page_is_served_until_the_program_is_told_to_end(server):
    with running("receivers.cli", "view", *server, "--port", 0) as view:
        address = view.stdout.readline().split()[-1]
        with urlopen(address + "status.json", timeout=PATIENCE) as answer:  # noqa: S310
            status = json.load(answer)
        view.send_signal(signal.SIGTERM)
        code = view.wait(PATIENCE)

    assert address.startswith("http://127.0.0.1:")
    assert status["type"] == "status"
    assert code == 128 + signal.SIGTERM


def test_a_picture_is_drawn_of_what_is_there(server, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "live.png"

    done = run("receivers.cli", "view", *server, "--once", path, "--sum", "frames:5")

    assert done.returncode == 0, done.stderr
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 10_000
    assert [one.name for one in tmp_path.iterdir()] == ["live.png"]


def test_without_a_frame_there_is_no_picture(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    path = tmp_path / "live.png"

    nobody = ("--stream-port", 9, "--monitor-port", 0)
    code = exit_code("view", *nobody, "--once", path, "--timeout", 0.3)

    assert code == StreamTimeoutError.exit_code
    assert "no frame within 0.3 s: waiting for tcp://127.0.0.1:9" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_picture_of_an_unknown_kind_is_refused(server, tmp_path):
    pytest.importorskip("matplotlib")

    done = run("receivers.cli", "view", *server, "--once", tmp_path / "live.doc")

    assert done.returncode == 2
    assert "live.doc" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_window_without_a_display_is_refused_in_words(server, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)

    assert exit_code("view", *server, "--window") == 2

    assert "no display" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--control", "epics"), "allowed are 'serve' and tango://"),
        (("--calibration", "/nonexistent.json"), "calibration /nonexistent.json"),
        (("--port", "99999"), "allowed is 1..65535"),
        (("--window", "--sum", "all"), "allowed are 'latest'"),
        (("--host", "192.0.2.1"), "cannot listen at 192.0.2.1"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(options, text, capsys):
    code = exit_code("view", *options)

    said = capsys.readouterr().err
    assert code == 2
    assert text in said
    assert "Traceback" not in said


def exit_code(*arguments):
    """That of our program, run in this process."""
    try:
        return main([*map(str, arguments)])
    except SystemExit as end:
        return end.code
