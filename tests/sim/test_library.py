"""The library file itself, and the small Python around it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from xspress3.errors import ConfigurationError, LibraryError, SdkError
from xspress3.sim import environment, library, library_path

CSRC = library_path().parent / "csrc"


def test_the_library_prints_nothing():
    code = f"""
import ctypes
lib = ctypes.CDLL({str(library_path())!r})
handle = lib.xsp3_config(1, 64, None, -1, None, -1, 1, None, 2, 0)
lib.xsp3_format_run(handle, -1, 0, 0, 0, 0, 0, 12)
lib.xsp3_histogram_start(handle, -1)
lib.xsp3_get_window(handle, 99, 0, None, None)
lib.xsp3_close(handle, 2)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("", "")


SANITIZERS = {"check": "address,undefined", "check-thread": "thread"}


@pytest.mark.timeout(60)  # takes five seconds; a busy machine compiles slowly
@pytest.mark.parametrize("target", SANITIZERS)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_tests_in_c_pass_under_sanitizers_and_without_warnings(tmp_path, compiler, target):
    make = shutil.which("make")
    if make is None or shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} or no make")
    (tmp_path / "empty.c").write_text("int main(void) { return 0; }")
    flag = f"-fsanitize={SANITIZERS[target]}"
    probe = [compiler, flag, "-o", tmp_path / "empty", tmp_path / "empty.c"]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip(f"{compiler} has no {flag}")

    command = [make, "-s", "-j2", "-C", CSRC / "tests", f"OUT={tmp_path}", f"CC={compiler}", target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def _floors() -> dict[str, int]:
    """Height of each C file, the ground being 0, as system.h draws the house."""
    house = (CSRC / "system.h").read_text().split("From the top down:")[1].split(' * "Locked"')[0]
    floors = re.split(r"^ \*   (?=\S)", house, flags=re.MULTILINE)[:0:-1]
    return {name: height for height, floor in enumerate(floors) for name in re.findall(r"(\w+)\.[ch]", floor)}


def _uses() -> dict[str, set[str]]:
    """What each C file includes; a file and its header are one."""
    uses: dict[str, set[str]] = {}
    for file in CSRC.glob("*.[ch]"):
        included = re.findall(r'^#include "(\w+)\.h"$', file.read_text(), re.MULTILINE)
        uses.setdefault(file.stem, set()).update(set(included) - {file.stem})
    return uses


def test_no_c_file_uses_one_on_a_floor_above_it():
    floors, uses = _floors(), _uses()
    assert floors.keys() == uses.keys()

    upwards = [(lower, upper) for lower in uses for upper in uses[lower] if floors[upper] > floors[lower]]

    assert upwards == []


def test_no_c_files_use_each_other_in_a_circle():
    TopologicalSorter(_uses()).prepare()  # an error names the circle


def test_a_library_that_was_not_built_says_how(monkeypatch):
    monkeypatch.setattr(library, "_FILE", "libnothing.so")

    with pytest.raises(LibraryError, match=r"C compiler.*pip install"):
        library_path()


def test_a_description_becomes_variables():
    made = environment(channels=4, source="pattern", rate=[1e5, 2], absent=True, playback=Path("/a/b.npz"))

    assert made == {
        "XSPRESS3_SIM_CHANNELS": "4",
        "XSPRESS3_SIM_SOURCE": "pattern",
        "XSPRESS3_SIM_RATE": "100000.0,2.0",
        "XSPRESS3_SIM_ABSENT": "1",
        "XSPRESS3_SIM_PLAYBACK": "/a/b.npz",
    }


def test_a_word_that_describes_nothing_is_refused_with_those_that_do():
    with pytest.raises(ConfigurationError, match=r"'chanels', allowed is channels, cards, generation"):
        environment(chanels=4)


def test_control_tells_what_the_library_told(control):
    with pytest.raises(SdkError, match=r"CHANNELS=17: allowed is 1\.\.16"):
        control.set(channels=17)
    with pytest.raises(ConfigurationError):
        control.set(channel=1)
    with pytest.raises(SdkError, match=r"xsp3sim_advance.*out of range"):
        control.advance(-1.0)


def test_the_keys_here_are_those_of_the_library(control):
    from xspress3.sim.description import KEYS

    listed = re.findall(r'^    \{"([A-Z_]+)"', (CSRC / "describe.c").read_text(), re.MULTILINE)

    assert tuple(listed) == KEYS
