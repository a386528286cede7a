"""Options of a stream: known names, one form, and nothing that cannot be."""

from __future__ import annotations

import dataclasses
import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xspress3.errors import ConfigurationError
from xspress3.stream.contract import Contract
from xspress3.stream.streams import RingBuffer, StreamOptions
from xspress3.stream.streams.option_kinds import KINDS


def test_defaults_are_those_of_pyacq():
    options = StreamOptions.parse()

    assert (options.protocol, options.interface, options.port) == ("tcp", "127.0.0.1", "*")
    assert (options.transfermode, options.streamtype) == ("plaindata", "analogsignal")
    assert (options.dtype, options.shape) == (np.dtype("float32"), (-1, 1))
    assert (options.scale, options.offset, options.units, options.sample_rate) == (None, None, "", 1.0)
    assert (options.buffer_size, options.double, options.fill, options.axisorder) == (0, False, None, None)


def test_every_option_is_described_and_has_a_kind():
    names = [field.name for field in dataclasses.fields(StreamOptions)]

    assert names == list(KINDS)
    for name in names:
        assert name in inspect.getdoc(StreamOptions)


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("transfermod", "transfermode"),
        ("protocoll", "protocol"),
        ("samplerate", "sample_rate"),
        ("chunksize", "chunk_size"),
    ],
)
def test_a_misspelt_option_is_refused_with_the_one_that_was_meant(misspelt, meant):
    with pytest.raises(ConfigurationError, match=f"option '{misspelt}' is not known, was '{meant}' meant"):
        StreamOptions.parse(**{misspelt: 1})


def test_an_option_like_no_other_is_refused_with_the_list():
    with pytest.raises(ConfigurationError, match="option 'zzz' is not known; there are protocol, interface"):
        StreamOptions.parse(zzz=1)


def test_the_spelling_of_the_pages_of_pyacq_is_understood():
    assert StreamOptions.parse(transfertmode="sharedmem").transfermode == "sharedmem"
    with pytest.raises(ConfigurationError, match="given twice"):
        StreamOptions.parse(transfertmode="sharedmem", transfermode="plaindata")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("signals", "analogsignal"),
        ("events", "event"),
        ("image", "video"),
        ("digitalsignal", "digitalsignal"),
    ],
)
def test_types_of_streams_have_several_names(said, meant):
    assert StreamOptions.parse(streamtype=said).streamtype == meant


REFUSED = {
    "protocol": ["udp", "inpc", "", None, 5, ["tcp"]],
    "interface": ["", "two words", "a\nb", "x" * 200, None, 7],
    "port": [-1, 65536, "any", "99999999", 1.5, True, None, "²"],
    "transfermode": ["plain", "cuda", None],
    "streamtype": ["signal", None],
    "dtype": [
        "no type",
        object,
        None,
        "O",
        "S",
        "V8",
        [],
        [("a", "O")],
        np.dtype([("a", "u1"), ("b", "f8")], align=True),
    ],
    "shape": [
        (),
        (0, 1),
        (-2, 1),
        (-1, 0),
        (-1, -1),
        5,
        "16",
        None,
        (-1, 1.5),
        (-1, True),
        (1,) * 20,
        (-1, "3"),
    ],
    "axisorder": [(0,), (1, 1), (0, 2), 5, ("0", "1")],
    "buffer_size": [-1, 1 << 50, 1.5, None, "many"],
    "compression": ["zip", "blosc", 5],
    "scale": [0, "2", float("nan"), float("inf"), True, [], [1, "2"], [1, 2, 3], 10**400],
    "offset": ["2", float("nan"), [1, 2, 3]],
    "units": [None, 5, "x" * 100, "a\0b"],
    "sample_rate": [0, -1, float("inf"), float("nan"), "fast", None, True],
    "double": [1, "yes", None],
    "fill": ["text", float("inf"), ..., [0], 1e39, 1j],
    "copy": [0, None],
    "name": [None, "a\nb"],
    "chunk_size": [0, -5, 1.5, None, 1 << 40],
    "chunk_age": [-1, float("nan"), "soon"],
    "contract": ["all", "every:0", None, 5],
    "queue_messages": [0, 1 << 20],
    "backlog_bytes": [-1],
    "drop_after": [-1],
    "heartbeat": [0, None],
    "linger": [-1, None],
    "curve_secret_key": ["", 5, b"path"],
    "curve_allowed_keys": ["", 5],
    "curve_public_key": ["short", 5],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, all_ in REFUSED.items() for value in all_], ids=repr
)
def test_what_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(ConfigurationError) as refusal:
        StreamOptions.parse(**{name: value})

    assert isinstance(refusal.value, ValueError)
    assert "allowed" in str(refusal.value) or name == "fill"
    assert name in str(refusal.value)


def test_there_is_something_that_cannot_be_for_every_option():
    assert list(REFUSED) == list(KINDS)


def test_udp_is_refused_with_what_there_is():
    with pytest.raises(ConfigurationError, match="protocol: 'udp', allowed are 'tcp', 'ipc', 'inproc'"):
        StreamOptions.parse(protocol="udp")


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("port", "5556", 5556),
        ("port", 0, "*"),
        ("port", np.uint16(80), 80),
        ("shape", [-1, 4], (-1, 4)),
        ("shape", np.array([7, 4]), (7, 4)),
        ("axisorder", [1, 0], (1, 0)),
        ("dtype", np.float64, np.dtype("f8")),
        ("dtype", [["t", "M8[ms]"], ["x", "f4", [3]]], np.dtype([("t", "M8[ms]"), ("x", "f4", (3,))])),
        ("dtype", [["a", [["b", "u1"], ["c", "S4"]]]], np.dtype([("a", [("b", "u1"), ("c", "S4")])])),
        ("scale", np.float32(0.5), 0.5),
        ("scale", 3, 3.0),
        ("scale", [2], (2.0,)),
        ("sample_rate", 1000, 1000.0),
        ("double", np.True_, True),
        ("compression", "", "none"),
        ("contract", Contract.parse("every:3"), "every:3"),
        ("fill", float("nan"), None),
        ("fill", np.float32(0.5), 0.5),
        ("curve_public_key", "k" * 40, "k" * 40),
    ],
)
def test_a_value_is_kept_in_one_form(name, given, kept):
    value = getattr(StreamOptions.parse(**{name: given}), name)

    assert value == kept
    assert type(value) is type(kept)


def test_paths_of_keys_come_together():
    options = StreamOptions.parse(curve_secret_key=Path("a/b"), curve_allowed_keys="c")

    assert (options.curve_secret_key, options.curve_allowed_keys) == ("a/b", "c")
    with pytest.raises(ConfigurationError, match="both or neither"):
        StreamOptions.parse(curve_secret_key=Path("a"))
    with pytest.raises(ConfigurationError, match="inproc"):
        StreamOptions.parse(curve_secret_key=Path("a"), curve_allowed_keys="c", protocol="inproc")


def test_what_a_stream_fixes_is_taken_and_cannot_be_overridden():
    spec = {"streamtype": "image", "dtype": "uint16", "shape": (-1, 4)}

    assert StreamOptions.parse(spec).streamtype == "video"
    assert StreamOptions.parse(spec, dtype=np.uint16, shape=[-1, 4], streamtype="video").shape == (-1, 4)
    with pytest.raises(
        ConfigurationError, match="dtype: 'float32', allowed is 'uint16', which this stream fixes"
    ):
        StreamOptions.parse(spec, dtype="float32")
    with pytest.raises(ConfigurationError, match="was 'protocol' meant"):
        StreamOptions.parse({"protocl": "tcp"})
    assert spec == {"streamtype": "image", "dtype": "uint16", "shape": (-1, 4)}


def test_a_fixed_value_is_checked_even_when_chosen_alike():
    with pytest.raises(ConfigurationError, match="protocol"):
        StreamOptions.parse({"protocol": "udp"}, protocol="udp")


def test_options_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        StreamOptions.parse().port = 5


def test_one_option_can_be_replaced_and_is_checked():
    options = StreamOptions.parse(name="a")

    assert dataclasses.replace(options, port=4000).port == 4000
    with pytest.raises(ConfigurationError):
        dataclasses.replace(options, port=-4)


@pytest.mark.parametrize(
    "excluded",
    [
        {"protocol": "ipc", "port": 5000},
        {"protocol": "inproc", "port": 5000},
        {"transfermode": "sharedmem", "compression": "bslz4"},
        {"shape": (100, 4), "chunk_size": 50},
        {"shape": (-1, 4), "axisorder": (0, 1, 2)},
        {"dtype": "u1", "fill": 256},
        {"dtype": [("a", "i4")], "fill": 0},
        {"dtype": "S4", "scale": 2},
        {"dtype": "bool", "offset": 2},
        {"scale": [1, 2], "shape": (-1, 3)},
        {"shape": (-1, 1 << 20, 1 << 20)},
        {"chunk_size": 1 << 30, "shape": (-1, 4)},
        {"transfermode": "sharedmem", "chunk_size": 100, "buffer_size": 150},
        {"transfermode": "sharedmem", "shape": (-1, 1 << 20), "buffer_size": 1 << 30},
    ],
    ids=str,
)
def test_what_excludes_each_other_is_refused(excluded):
    with pytest.raises(ConfigurationError):
        StreamOptions.parse(**excluded)


@pytest.mark.parametrize(
    ("chosen", "size"),
    [
        ({"shape": (-1, 16)}, 1 << 20),
        ({"shape": (-1, 1024, 1024), "dtype": "u2"}, 32),
        ({"shape": (-1, 4096, 4096), "dtype": "f8"}, 8),
        ({"shape": (256, 1024, 256), "dtype": "u4"}, 2048),
        ({"shape": (-1, 16), "buffer_size": 5000}, 5000),
    ],
)
def test_a_ring_in_shared_memory_has_a_size_though_none_was_said(chosen, size):
    options = StreamOptions.parse(transfermode="sharedmem", **chosen)

    assert options.buffer_size == size
    assert options.ring_shape() == (size, *options.shape[1:])


def test_a_fixed_shape_says_how_long_chunks_are():
    options = StreamOptions.parse(shape=(256, 4))
    chunker = options.chunker()

    assert (options.chunk_size, options.chunk_age) == (256, None)
    assert (chunker.min_samples, chunker.max_samples, chunker.max_age) == (256, 256, None)


def test_chunks_of_free_length_do_not_wait_for_ever():
    options = StreamOptions.parse(chunk_size=1000)
    chunker = options.chunker()

    assert options.chunk_age == 0.1
    assert (chunker.min_samples, chunker.max_samples, chunker.max_age) == (1000, None, 0.1)
    assert StreamOptions.parse(chunk_age=5).chunk_age == 5


def test_scale_and_offset_make_a_filter_that_gives_the_type_of_the_stream():
    options = StreamOptions.parse(dtype="float32", scale=0.5, offset=1)

    result = options.scaling()(np.array([[2], [4]], "int16"))

    assert result.dtype == np.float32
    assert result.tolist() == [[2], [3]]
    assert StreamOptions.parse().scaling() is None
    assert StreamOptions.parse(offset=[1.0]).scaling()(np.zeros((1, 1), "f4")).tolist() == [[1]]


CHOSEN = st.fixed_dictionaries(
    {},
    optional={
        "protocol": st.sampled_from(["tcp", "ipc", "inproc"]),
        "streamtype": st.sampled_from(["event", "image", "signals"]),
        "dtype": st.sampled_from(
            [
                "f8",
                ">u2",
                "c8",
                "M8[ns]",
                "S7",
                "<U3",
                "?",
                [("t", "m8[us]"), ("x", ">f4", (2, 3)), ("r", [("a", "?")])],
            ]
        ),
        "shape": st.sampled_from([(-1,), (-1, 3), (64, 3), [-1, 2, 2]]),
        "transfermode": st.sampled_from(["plaindata", "sharedmem"]),
        "sample_rate": st.floats(1e-3, 1e9),
        "units": st.text("µVAsm/ ", max_size=5),
        "double": st.booleans(),
        "chunk_age": st.none() | st.floats(0, 100),
        "contract": st.sampled_from(["lossless", "latest", "every:7"]),
        "drop_after": st.none() | st.floats(0, 100),
    },
)


@settings(deadline=None)
@given(CHOSEN)
def test_options_cross_processes_as_json(chosen):
    options = StreamOptions.parse(**chosen)

    said = json.loads(json.dumps(options.to_params(), allow_nan=False))

    assert StreamOptions.from_params(said) == options
    assert StreamOptions.parse(**said) == options


def test_numbers_for_each_channel_and_fills_cross_as_json():
    options = StreamOptions.parse(
        shape=(-1, 2), dtype="i4", scale=[2, 3], offset=[0, 1], fill=0, axisorder=(1, 0), port=4000
    )
    events = StreamOptions.parse(
        dtype=[("t", "M8[s]"), ("n", "i4")], shape=(-1,), fill=[np.datetime64(0, "s"), None]
    )

    for one in (options, events):
        assert StreamOptions.from_params(json.loads(json.dumps(one.to_params()))) == one
    RingBuffer((4,), events.dtype, fill=events.fill)


def test_what_a_newer_sender_says_beside_options_is_left_alone():
    params = {**StreamOptions.parse(name="a").to_params(), "shm_id": "x", "colour": "red"}

    assert StreamOptions.from_params(params).name == "a"


def test_a_reader_can_require_what_it_was_written_for():
    options = StreamOptions.parse(dtype="uint16", shape=(100, 4), streamtype="video")

    options.require({})
    options.require({"dtype": np.uint16, "streamtype": "image", "shape": [-1, 4]})
    options.require({"shape": (100, 4)})
    with pytest.raises(ConfigurationError, match=r"shape: the stream has \[100, 4\], asked for is \(50, 4\)"):
        options.require({"shape": (50, 4)})
    with pytest.raises(ConfigurationError, match="dtype: the stream has dtype"):
        options.require({"dtype": "float32"})
    with pytest.raises(ConfigurationError, match="not known"):
        options.require({"colour": "red"})
