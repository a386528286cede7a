"""The library file of the slot ring, and its C tests."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import xspress3.stream.shared
from xspress3.errors import LibraryError
from xspress3.stream.shared import _library

PACKAGE = Path(xspress3.stream.shared.__file__).parent
TESTS = PACKAGE / "csrc" / "tests"
SANITIZERS = {"check": "address,undefined", "check-thread": "thread"}


@pytest.mark.timeout(120)  # takes four seconds; a busy machine compiles slowly
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

    command = [make, "-s", "-j2", "-C", TESTS, f"OUT={tmp_path}", f"CC={compiler}", target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_only_what_the_interface_declares_is_exported():
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("no nm")
    command = [nm, "-D", "--defined-only", PACKAGE / "libxspress3_shm.so"]
    listing = subprocess.run(command, capture_output=True, text=True, check=True)
    declared = re.findall(r"\b(x3r_\w+)\(", (PACKAGE / "_cdef.h").read_text())

    assert {line.split()[-1] for line in listing.stdout.splitlines()} == set(declared)


def test_a_library_that_was_not_built_says_how(monkeypatch):
    monkeypatch.setattr(_library, "_FILE", "libnothing.so")
    _library.library.cache_clear()

    with pytest.raises(LibraryError, match=r"C compiler.*pip install"):
        _library.library()


def test_nothing_imports_the_resource_tracker():
    # It removes segments that are still in use when a process that only looked at them ends.
    for path in PACKAGE.glob("*.py"):
        assert "import multiprocessing" not in path.read_text()
