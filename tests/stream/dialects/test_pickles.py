"""Pickles of ours are read by everybody, pickles of others by us, and nothing in them is run."""

from __future__ import annotations

import ast
import pickle
import pickletools
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from xspress3.errors import ConfigurationError, ProtocolError
from xspress3.stream.dialects.pickle_bytes import pickle_arrays, pickle_rows
from xspress3.stream.dialects.pickle_reader import MAX_PICKLE_BYTES, unpickle_arrays

SOURCE = Path(__file__).resolve().parents[3]
UNPICKLERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "shelve", "joblib", "marshal"}
DTYPES = ["<f8", "<f4", "<u4", "<i4", "<u2", ">u4", "|u1", "<i8"]
SHAPES = st.one_of(npst.array_shapes(max_dims=3, max_side=9), st.tuples(st.integers(250, 300)))
ARRAYS = st.lists(
    st.sampled_from(DTYPES).flatmap(lambda dtype: npst.arrays(dtype, SHAPES, fill=st.just(0))), max_size=5
)
ONE = pickle_arrays([np.arange(4, dtype="<u4"), np.ones((2, 4), dtype="<f8")])


def loads(code: bytes) -> list[np.ndarray]:
    return pickle.loads(code)  # noqa: S301  # bytes that this test made


def same(one: list, other: list) -> bool:
    """Whether these are the same arrays, NaN by NaN; numpy turns bytes to the machine's order as it likes."""
    one, other = (
        [array.astype(array.dtype.newbyteorder("=")) for array in arrays] for arrays in (one, other)
    )
    return len(one) == len(other) and all(
        a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        for a, b in zip(one, other, strict=True)
    )


@settings(max_examples=50, deadline=None)
@given(ARRAYS)
def test_python_and_our_reader_get_the_arrays_back(arrays):
    if not arrays:
        return
    code = pickle_arrays(arrays)

    assert same(loads(code), arrays)
    assert same(unpickle_arrays(code), arrays)


@settings(max_examples=50, deadline=None)
@given(ARRAYS, st.sampled_from([3, 4]))
def test_lists_that_numpy_pickled_are_read(arrays, protocol):
    assert same(unpickle_arrays(pickle.dumps(arrays, protocol)), arrays)


def test_ours_are_of_protocol_3_and_name_what_numpy_1_and_2_have():
    names = [str(said) for _, said, _ in pickletools.genops(ONE) if isinstance(said, str)]
    protocol = next(said for step, said, _ in pickletools.genops(ONE) if step.name == "PROTO")

    assert protocol == 3
    assert "numpy.core.multiarray _reconstruct" in names
    assert not any("_core" in name for name in names)


def test_long_axes_and_large_arrays_are_written():
    arrays = [np.arange(70_000, dtype="<u4"), np.ones((2, 300), dtype="<f8")]

    assert same(loads(pickle_arrays(arrays)), arrays)
    assert same(unpickle_arrays(pickle_arrays(arrays)), arrays)


def test_many_lists_at_once_are_those_made_one_by_one():
    first = np.arange(12, dtype="<u4").reshape(3, 4)
    second = np.arange(24, dtype="<f8").reshape(3, 2, 4)[..., ::-1]

    rows = pickle_rows([first, second])

    assert [row.tobytes() for row in rows] == [pickle_arrays([first[i], second[i]]) for i in range(3)]


@pytest.mark.parametrize(
    "array", [np.array(["a"]), np.array(1), np.zeros(0), np.array([None]), np.zeros((1, 1, 1, 1))]
)
def test_arrays_that_are_no_scalers_are_not_written(array):
    with pytest.raises(ConfigurationError, match="array 0 of a list"):
        pickle_arrays([array])


class Harmful:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return (print, ("unpickled",))


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "content",
    [
        Harmful(),
        [Harmful()],
        [np.array([Harmful()], dtype=object)],
        [np.array(["text"])],
        [np.array([(1, 2)], dtype="u4,u4")],
        [np.array(["2020-01-01"], dtype="M8[s]")],
        [np.asfortranarray(np.ones((2, 3)))],
        [np.float64(1.0)],
        {"a": np.ones(3)},
        np.ones(3),
        [1, 2],
        ["text"],
        None,
    ],
)
def test_anything_else_is_refused_and_not_run(content, protocol, capsys):
    with pytest.raises(ProtocolError, match="pickle"):
        unpickle_arrays(pickle.dumps(content, protocol))

    assert capsys.readouterr().out == ""


def test_the_empty_list_is_read():
    assert unpickle_arrays(pickle.dumps([], 3)) == []


@pytest.mark.parametrize(
    "code",
    [
        b"",
        b".",
        b"\x80\x03",
        b"\x80\x03]q\x00h\x00a.",  # a list in itself
        b"\x80\x03]h\x07.",
        b"\x80\x03((((((.",
        b"\x80\x03N" + b"\x85" * 10_000 + b"R.",  # tuples in tuples
        b"\x80\x03\x8c\x05numpyN" + b"\x85" * 10_000 + b"\x93.",
        b"\x80\x03B\xff\xff\xff\x7f.",
        b"\x80\x03X\x02\x00\x00\x00\xff\xff.",
        b"\x80\x03cos\nsystem\n.",
        b"\x80\x03" + b"c" + b"x" * 10_000,
        b"\x80\x05].",
        b"\x80\x03]]" + b"." * 3,
        ONE[:-1],
        ONE + b".",
        ONE.replace(b"K\x04\x85", b"K\x05\x85", 1),
        ONE.replace(b"u4", b"O8"),
        ONE.replace(b"u4", b"u3"),
        ONE.replace(b"\x89C\x10", b"\x88C\x10"),
        bytes(MAX_PICKLE_BYTES + 1),
        b"\x80\x03" + b"N0" * 20_000,
        b"\x80\x03" + b"N" * 20_000,
        b"\x80\x03]" + b"q\x00" * 3 + b"r\xff\xff\xff\xff.",
    ],
)
def test_broken_pickles_are_refused(code):
    with pytest.raises(ProtocolError, match="pickle"):
        unpickle_arrays(code)


@st.composite
def changed(draw) -> bytes:
    """A good pickle with some bytes changed, cut, put in or taken out."""
    code = bytearray(ONE)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(code)))
        length = draw(st.integers(0, 8))
        code[place : place + length] = draw(st.binary(max_size=8))
    return bytes(code)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=200), changed()))
def test_any_bytes_give_arrays_or_a_protocol_error(code):
    try:
        arrays = unpickle_arrays(code)
    except ProtocolError:
        return
    assert all(isinstance(array, np.ndarray) and not array.flags.writeable for array in arrays)


def test_a_pickle_takes_little_more_memory_than_it_has_bytes():
    empty = np.zeros((1 << 19,), dtype="|u1")
    code = pickle.dumps([empty], 3)
    tracemalloc.start()
    try:
        unpickle_arrays(code)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 4 * len(code)


def source_files() -> list[Path]:
    folders = [SOURCE / name for name in ("xspress3", "receivers", "tango_device")]
    return [SOURCE / "setup.py", *(path for folder in folders for path in folder.rglob("*.py"))]


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


def allows_pickles(tree: ast.AST) -> bool:
    """Whether numpy is told to unpickle somewhere."""
    given = [keyword for node in ast.walk(tree) if isinstance(node, ast.Call) for keyword in node.keywords]
    return any(
        keyword.arg == "allow_pickle"
        and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
        for keyword in given
    )


def test_nothing_of_ours_can_unpickle():
    for path in source_files():
        tree = ast.parse(path.read_text(), str(path))
        assert not imported(tree) & UNPICKLERS, path
        assert not allows_pickles(tree), path
