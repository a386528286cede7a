"""The units for systemd start what there is, and end as systemd expects."""

from __future__ import annotations

import configparser
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.docs.pages import REPOSITORY

UNITS = sorted((REPOSITORY / "packaging").glob("*.service"))
RECORDER = REPOSITORY / "packaging" / "xspress3-recorder.service"
START_TIME = 30.0


def service(unit: Path) -> configparser.SectionProxy:
    """What a unit says of its service."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str
    parser.read(unit)
    return parser["Service"]


def test_there_are_units():
    assert RECORDER in UNITS


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_understood_by_systemd(unit, tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not installed")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/xspress3/bin/", f"{Path(sys.executable).parent}/"))

    command = [analyze, "verify", "--recursive-errors=no", copy]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert unit.name not in done.stderr


def test_the_recorder_starts_as_its_unit_says_and_ends_when_told(tmp_path):
    said = service(RECORDER)
    program, *arguments = shlex.split(said["ExecStart"])
    words = [
        word.replace("/data", str(tmp_path)).replace("127.0.0.1:8642", "127.0.0.1:0") for word in arguments
    ]
    assert Path(program).name == "xspress3-receiver"

    process = subprocess.Popen(
        [sys.executable, "-m", "receivers.cli", *words], stderr=subprocess.PIPE, text=True
    )
    try:
        url = wait_for_url(process)
        with urlopen(url, timeout=START_TIME) as answer:  # noqa: S310  # it is ours
            assert b'"waiting"' in answer.read()
        process.send_signal(signal.SIGTERM)
        code = process.wait(START_TIME)
    finally:
        process.kill()
        process.communicate()

    assert code == 128 + signal.SIGTERM
    assert str(code) in said["SuccessExitStatus"].split()


def wait_for_url(process: subprocess.Popen[str]) -> str:
    """The address at which the recorder says that it answers."""
    said = []
    for line in process.stderr:
        said.append(line)
        if "http://" in line:
            return line[line.index("http://") :].strip()
    raise AssertionError(f"it ended with {process.wait()} before it answered: {''.join(said)}")
