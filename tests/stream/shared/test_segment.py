"""Named memory: who may write it, who removes it, and what happens to what is left behind."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
import subprocess
import sys

import numpy as np
import pytest

from xspress3.errors import ConfigurationError, SharedMemoryError
from xspress3.stream.shared import SharedArray, SharedMem
from xspress3.stream.shared.segment import sweep

WAITING = """
import sys
from xspress3.stream.shared import SharedMem
memory = SharedMem({nbytes})
memory.to_numpy(0, "u1", 4)[:] = [1, 2, 3, 4]
print(memory.shm_id, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def creator():
    """Another process that holds a segment until it is told to end."""
    command = [sys.executable, "-c", WAITING.format(nbytes=1 << 16)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.shm_id = process.stdout.readline().strip()
        yield process
        process.communicate()
        sweep()


def test_the_creator_writes_and_the_attached_side_reads():
    with SharedMem(10) as made, SharedMem(10, made.shm_id) as seen:
        made.to_numpy(2, "u1", 8)[:] = np.arange(8)

        view = seen.to_numpy(2, "u1", 8)

        assert view.tolist() == list(range(8))
        assert not view.flags.writeable
        with pytest.raises(ValueError, match="WRITEABLE"):
            view.flags.writeable = True


def test_memory_can_be_attached_again_when_its_name_is_gone():
    with SharedMem(10) as made, SharedMem(10, made.shm_id) as seen:
        made.to_numpy(0, "u1", 10)[:] = 7
        made.close()

        with seen.again() as again:
            seen.close()
            view = again.to_numpy(0, "u1", 10)

            assert view.tolist() == [7] * 10
            assert not view.flags.writeable
        with pytest.raises(SharedMemoryError, match="its creator is gone"):
            SharedMem(10, made.shm_id)


def test_new_memory_is_zero_and_begins_at_a_page():
    with SharedMem(3 << 20) as memory:
        view = memory.to_numpy(0, "u1", 3 << 20)

        assert not view.any()
        assert view.ctypes.data % 4096 == 0


def test_a_view_has_the_shape_type_and_strides_asked_for():
    with SharedMem(64) as memory:
        memory.to_numpy(0, "<u4", 16)[:] = np.arange(16)

        assert memory.to_numpy(8, "<u4", (2, 3)).tolist() == [[2, 3, 4], [5, 6, 7]]
        assert memory.to_numpy(0, "<u4", (2, 2), strides=(4, 32)).tolist() == [[0, 8], [1, 9]]


@pytest.mark.parametrize("where", [(0, "u1", 65), (60, "<u4", 2), (0, "<u4", (2, 2), (64, 4))])
def test_a_view_beyond_the_memory_is_refused(where):
    with SharedMem(64) as memory, pytest.raises((ValueError, TypeError)):
        memory.to_numpy(*where)


def test_python_objects_are_not_shared():
    with SharedMem(64) as memory, pytest.raises(ConfigurationError, match="Python objects"):
        memory.to_numpy(0, object, 8)


@pytest.mark.parametrize("nbytes", [0, -1])
def test_memory_of_no_size_is_refused(nbytes):
    with pytest.raises(ConfigurationError, match="allowed is 1 and more"):
        SharedMem(nbytes)


def test_memory_larger_than_the_room_there_is_is_refused_and_leaves_nothing(folder):
    with pytest.raises(SharedMemoryError, match=r"no room for \d+ bytes.*are free"):
        SharedMem(1 << 60)

    assert list(folder.iterdir()) == []


def test_the_file_is_for_its_user_only(folder):
    with SharedMem(10) as memory:
        mode = (folder / memory.shm_id).stat().st_mode

        assert stat.S_IMODE(mode) == 0o600


def test_the_name_goes_with_the_creator_and_what_was_attached_stays_valid(folder):
    made = SharedMem(10)
    mine = made.to_numpy(0, "u1", 10)
    mine[:] = 7
    with SharedMem(10, made.shm_id) as seen:
        view = seen.to_numpy(0, "u1", 10)
        made.close()

        assert list(folder.iterdir()) == []
        assert view.tolist() == mine.tolist() == [7] * 10
    assert view.tolist() == [7] * 10


def test_the_attached_side_removes_nothing(folder):
    with SharedMem(10) as made:
        SharedMem(10, made.shm_id).close()

        assert (folder / made.shm_id).exists()


def test_closing_twice_does_nothing():
    memory = SharedMem(10)
    memory.close()
    memory.close()


def test_memory_that_nobody_closed_goes_with_its_object(folder):
    SharedMem(10)

    assert list(folder.iterdir()) == []


def test_a_forked_child_does_not_take_the_memory_of_its_parent_away(folder):
    code = (
        "import os, sys\n"
        "from xspress3.stream.shared import SharedMem\n"
        "memory = SharedMem(10)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    sys.exit()\n"  # runs the finalizers
        "os.waitpid(child, 0)\n"
        "SharedMem(10, memory.shm_id).close()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

    assert list(folder.iterdir()) == []


def test_another_process_sees_it(creator):
    with SharedMem(4, creator.shm_id) as seen:
        assert seen.to_numpy(0, "u1", 4).tolist() == [1, 2, 3, 4]


def test_what_a_killed_creator_left_is_removed_by_the_next_creation(creator, folder):
    with SharedMem(4, creator.shm_id) as seen:
        os.kill(creator.pid, signal.SIGKILL)
        creator.wait()
        assert (folder / creator.shm_id).exists()

        with SharedMem(10) as memory:
            assert [path.name for path in folder.iterdir()] == [memory.shm_id]
        assert seen.to_numpy(0, "u1", 4).tolist() == [1, 2, 3, 4]


def test_a_sweep_spares_the_living(creator, folder):
    with SharedMem(10) as memory:
        assert sweep() == []
        assert {path.name for path in folder.iterdir()} == {creator.shm_id, memory.shm_id}


def test_a_sweep_spares_files_of_other_names(folder):
    other = folder / "xspress3-notes"
    other.touch()
    try:
        assert sweep() == []
        assert other.exists()
    finally:
        other.unlink()


@pytest.mark.parametrize(
    "shm_id", ["", "../etc/passwd", "/dev/zero", "xspress3-0-zz", "xspress3-0-" + "0" * 17]
)
def test_a_name_that_cannot_be_is_refused(shm_id):
    with pytest.raises(ConfigurationError, match="allowed is 'xspress3-"):
        SharedMem(10, shm_id)


def a_name() -> str:
    return f"xspress3-{os.geteuid()}-{'5' * 16}"


def test_memory_that_is_gone_says_so():
    with pytest.raises(SharedMemoryError, match="creator is gone"):
        SharedMem(10, a_name())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not shared memory of version"),
        (b"x" * 5000, "not shared memory of version"),
        (b"XSP3SHM\0" + b"\2" + bytes(5000), "version 2"),
        (b"XSP3SHM\0\1" + bytes(7) + b"\x0a" + bytes(7), "24 bytes for 10 of memory"),
        (b"XSP3SHM\0\1" + bytes(7) + b"\xff" * 8 + bytes(5000), "for 18446744073709551615 of memory"),
    ],
)
def test_garbage_is_not_attached(folder, content, words):
    path = folder / a_name()
    path.write_bytes(content)
    try:
        with pytest.raises(SharedMemoryError, match=words):
            SharedMem(10, path.name)
    finally:
        path.unlink()


def test_links_and_pipes_are_not_attached(folder):
    path = folder / a_name()
    with SharedMem(10) as memory:
        path.symlink_to(folder / memory.shm_id)
        with pytest.raises(SharedMemoryError, match="cannot be attached"):
            SharedMem(10, path.name)
        path.unlink()
    os.mkfifo(path)
    with pytest.raises(SharedMemoryError, match="not a file of user"):
        SharedMem(10, path.name)
    path.unlink()


def test_memory_smaller_than_was_asked_for_is_not_attached():
    with SharedMem(10) as memory, pytest.raises(SharedMemoryError, match="11 were asked for"):
        SharedMem(11, memory.shm_id)


def test_the_creator_holds_a_lock(folder):
    with SharedMem(10) as memory, (folder / memory.shm_id).open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize(
    "dtype",
    [
        "float",
        "<u4",
        [("time", "<i8"), ("position", "<f4", (2, 3))],
        [("outer", [("a", "<u2"), ("b", "S3")]), ("c", "datetime64[ms]")],
    ],
)
def test_an_array_is_attached_with_what_went_through_json(dtype):
    with SharedArray((3, 2), dtype) as made:
        made.to_numpy().view("u1")[:] = 65
        with SharedArray(**json.loads(json.dumps(made.to_dict()))) as seen:
            assert seen.dtype == made.dtype
            assert seen.to_numpy().shape == (3, 2)
            assert seen.to_numpy().tobytes() == made.to_numpy().tobytes()
            assert not seen.to_numpy().flags.writeable


@pytest.mark.parametrize(("shape", "made"), [(None, (1,)), (5, (5,)), (np.int64(5), (5,)), ([2, 3], (2, 3))])
def test_shapes_are_understood(shape, made):
    with SharedArray(shape) as array:
        assert array.to_numpy().shape == array.shape == made


def test_an_array_of_no_element_is_refused():
    with pytest.raises(ConfigurationError, match="nbytes=0"):
        SharedArray((0, 4))
