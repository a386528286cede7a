"""Streams of samples admit readers by key, over every kind of socket, and say why they do not."""

from __future__ import annotations

import json
import logging
import threading

import numpy as np
import pytest

from tests.keyring import Keyring, make_keyring
from xspress3.errors import ConfigurationError, StreamRefusedError
from xspress3.stream import InputStream, OutputStream
from xspress3.stream.keys import read_public

TIMEOUT = 10
WAYS = [("tcp", "plaindata"), ("ipc", "plaindata"), ("tcp", "sharedmem"), ("ipc", "sharedmem")]


@pytest.fixture
def keys(tmp_path) -> Keyring:
    return make_keyring(tmp_path)


@pytest.fixture
def make_output(keys):
    """Streams that admit listed readers only."""
    made = []

    def make(protocol="tcp", transfermode="plaindata", **options):
        output = OutputStream(name="counts")
        made.append(output)
        output.configure(
            protocol=protocol,
            transfermode=transfermode,
            dtype="int32",
            shape=(-1, 4),
            curve_secret_key=keys.secret("server"),
            curve_allowed_keys=keys.clients,
            **options,
        )
        return output

    yield make
    for output in made:
        output.close()


def samples(n):
    return np.arange(4 * n, dtype="int32").reshape(n, 4)


@pytest.mark.parametrize(("protocol", "transfermode"), WAYS)
def test_a_listed_reader_gets_the_samples(make_output, keys, protocol, transfermode):
    output = make_output(protocol, transfermode)

    with InputStream(name="viewer") as reader:
        reader.connect(output, key=keys.secret("reader"), timeout=TIMEOUT)
        output.send(samples(5))
        output.flush()
        index, data = reader.recv(timeout=TIMEOUT)

        assert index == 5
        np.testing.assert_array_equal(data, samples(5))


@pytest.mark.parametrize(("protocol", "transfermode"), WAYS)
def test_a_reader_that_is_not_listed_is_told_so(make_output, keys, protocol, transfermode):
    output = make_output(protocol, transfermode)

    with (
        InputStream() as reader,
        pytest.raises(StreamRefusedError, match="does not list the public key of this client"),
    ):
        reader.connect(output, key=keys.secret("stranger"), timeout=TIMEOUT)

    assert not output.readers


def test_a_reader_elsewhere_finds_the_key_of_the_stream_in_its_params(make_output, keys):
    params = json.loads(json.dumps(make_output().params))

    assert params["curve_public_key"] == read_public(keys.public("server")).decode()
    with InputStream() as reader:
        reader.connect(params, key=str(keys.secret("reader")), timeout=TIMEOUT)


def test_a_reader_by_url_names_the_key_of_the_stream(make_output, keys):
    url = make_output().url

    with InputStream() as reader:
        reader.connect(url, key=keys.secret("reader"), server_key=keys.public("server"), timeout=TIMEOUT)


def test_a_reader_without_a_key_learns_from_the_params_that_it_needs_one(make_output):
    output = make_output()

    with InputStream() as reader, pytest.raises(ConfigurationError, match="allowed is key=FILE"):
        reader.connect(output, timeout=TIMEOUT)


def test_a_reader_by_url_without_a_key_is_refused(make_output):
    url = make_output().url

    with InputStream() as reader, pytest.raises(StreamRefusedError, match="one side uses CURVE"):
        reader.connect(url, timeout=TIMEOUT)


def test_one_key_of_two_is_refused_before_anything_is_opened(make_output, keys):
    url = make_output().url

    with InputStream() as reader, pytest.raises(ConfigurationError, match="allowed are both or neither"):
        reader.connect(url, key=keys.secret("reader"), timeout=TIMEOUT)


def test_a_stream_whose_keys_cannot_be_read_is_not_opened(keys):
    output = OutputStream()

    with pytest.raises(ConfigurationError, match=r"cannot read keys from .*nobody"):
        output.configure(curve_secret_key=keys.directory / "nobody", curve_allowed_keys=keys.clients)

    assert not output.configured
    assert not [thread for thread in threading.enumerate() if thread.name == "curve-gate"]


def test_that_everybody_can_read_is_said_once_and_only_where_it_is_so(make_output, caplog):
    caplog.set_level(logging.WARNING)
    make_output(interface="0.0.0.0")
    for interface in ("127.0.0.1", "127.0.0.1", "0.0.0.0"):
        with OutputStream() as output:
            output.configure(interface=interface)

    said = [record.message for record in caplog.records if "everybody" in record.message]
    assert len(said) == 1
    assert "0.0.0.0" in said[0]
