"""Fixtures for all tests, and the check that a test leaves nothing open."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

REPOSITORY = Path(__file__).resolve().parents[1]
KEPT_VARIABLES = {"XSPRESS3_RECORDINGS", "XSPRESS3_TEST_CLOSING_TIME"}
CLOSING_TIME = float(os.environ.get("XSPRESS3_TEST_CLOSING_TIME", "2"))


def _folder_for_shared_memory() -> Path:
    """One for this run: other runs on the machine neither see what is made there nor leave theirs."""
    given = os.environ.get("XSPRESS3_SHARED_MEMORY")  # in a run that a test has started
    if given:
        return Path(given)
    system = Path("/dev/shm")  # noqa: S108
    made = Path(tempfile.mkdtemp(prefix="xspress3-test-", dir=system if system.is_dir() else None))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


SHARED_MEMORY = _folder_for_shared_memory()


@pytest.fixture(autouse=True)
def nothing_is_left_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaves a thread, a child process, a socket, a file or shared memory behind."""
    before = _open_things()
    yield
    left = _wait_until_gone(before)
    assert not left, f"{request.node.name} left open: {sorted(left)}"


def _wait_until_gone(before: set[str]) -> set[str]:
    """What is open beyond `before`; the system needs a moment to close what was closed."""
    deadline = time.monotonic() + CLOSING_TIME
    while left := _open_things() - before:
        gc.collect()
        if time.monotonic() > deadline:
            return left
        time.sleep(0.01)
    return set()


def _open_things() -> set[str]:
    threads = {f"thread {t.name}" for t in threading.enumerate() if t is not threading.main_thread()}
    children = {f"process {pid}" for pid in _children()}
    descriptors = {f"descriptor {fd}" for fd in _descriptors()}
    segments = {f"shared memory {path.name}" for path in SHARED_MEMORY.iterdir()}
    return threads | children | descriptors | segments


def _children() -> Iterator[str]:
    """Child processes as the system lists them: to look through all processes costs 5 ms for each test."""
    for task in Path("/proc/self/task").iterdir():
        try:
            yield from (task / "children").read_text().split()
        except OSError:  # a thread that has ended meanwhile
            continue


def _descriptors() -> set[str]:
    """Open files and sockets by target; those of the test runner itself come and go."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith(("socket:", "anon_inode:", "/")) and not target.startswith(("/dev/", "/proc/")):
            found.add(f"{entry.name} {target}")
    return found


def pytest_configure(config: pytest.Config) -> None:
    """Let pyzmq start what it keeps for the life of the process before anything is compared."""
    context = zmq.Context()
    socket = context.socket(zmq.PUB)
    socket.send(bytes(1 << 20), copy=False)  # large enough to be sent without a copy
    socket.close()
    context.term()


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait until a condition holds, or fail with what was waited for."""

    def wait(condition: Callable[[], object], what: str = "", timeout: float = 5.0) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"not within {timeout} s: {what or condition}"
            time.sleep(0.002)

    return wait


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Folder of the frames recorded at NanoMAX; the test is skipped where there is none."""
    named = os.environ.get("XSPRESS3_RECORDINGS")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "recordings"
    if not (folder / "xspress3-multipart.npz").exists():
        pytest.skip("no recorded frames here")
    return folder


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder for what programs keep, one for all tests."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    """Tests see none of the variables that describe a detector, and leave no trace in the user's home."""
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    for name in list(os.environ):
        if name.startswith("XSPRESS3_") and name not in KEPT_VARIABLES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XSPRESS3_SHARED_MEMORY", str(SHARED_MEMORY))
