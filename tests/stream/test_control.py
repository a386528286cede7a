"""What readers say comes through as it was said, and whatever else comes is refused."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xspress3.errors import ProtocolError
from xspress3.stream.contract import Contract, Delivery
from xspress3.stream.control import (
    MAX_CREDIT,
    MAX_REQUEST_BYTES,
    Bye,
    Credit,
    Hello,
    Position,
    decode_request,
    encode_request,
)

counts = st.integers(0, 1 << 62)
short = st.text(max_size=64)
printable = short.filter(str.isprintable)
contracts = st.one_of(
    st.just(Contract()),
    st.just(Contract(Delivery.LATEST)),
    st.builds(Contract, st.just(Delivery.EVERY), st.integers(1, 1 << 31)),
)
credits_ = st.integers(1, MAX_CREDIT)
requests = st.one_of(
    st.just(Bye()),
    st.builds(Credit, credits_),
    st.builds(
        Hello,
        printable,
        contracts,
        credits_,
        st.booleans(),
        st.one_of(st.none(), st.builds(Position, printable, counts, counts)),
        printable,
        st.integers(0, 1 << 32),
    ),
)


@given(requests)
def test_requests_round_trip(request):
    assert decode_request(encode_request(request)) == request


@given(st.binary(max_size=200))
def test_any_bytes_give_a_request_or_are_refused(part):
    with contextlib.suppress(ProtocolError):
        decode_request(part)


@given(
    st.dictionaries(
        st.sampled_from(["type", "name", "contract", "credit", "n", "resume", "host", "pid"]),
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.text(max_size=9), st.just("hello"), st.just({})
        ),
    )
)
def test_any_object_gives_a_request_or_is_refused(said):
    with contextlib.suppress(ProtocolError):
        decode_request(json.dumps(said).encode())


def test_a_request_that_is_too_long_is_not_looked_at():
    with pytest.raises(ProtocolError, match=f"allowed are {MAX_REQUEST_BYTES}"):
        decode_request(b" " * MAX_REQUEST_BYTES + b"{}")
