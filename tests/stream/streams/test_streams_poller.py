"""Threads and event loops that read streams: they end when they shall, and tell what went wrong."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from tests.stream.streams.samples import ramp
from xspress3.errors import (
    SenderDiedError,
    SequenceGapError,
    ShutdownTimeoutError,
    StateError,
    StreamEndedError,
    StreamTimeoutError,
)
from xspress3.stream import AsyncReceiver, InputStream, StreamPoller


@pytest.fixture
def pair(make_output, join, way):
    output = make_output(**way)
    return output, join(output)


# Threads


def test_each_chunk_is_handed_on_in_order(pair, eventually):
    output, reader = pair
    ends = []

    with StreamPoller(reader, lambda index, data: ends.append((index, len(data)))) as poller:
        for first in range(0, 50, 5):
            output.send(ramp(first, 5))
        eventually(lambda: poller.last_index == 50)

    assert ends == [(end, 5) for end in range(5, 55, 5)]
    assert not poller.is_running


def test_a_thread_ends_with_its_stream_and_that_is_no_error(pair):
    output, reader = pair
    poller = StreamPoller(reader, lambda index, data: None, name="plotting")
    poller.start()
    names = [thread.name for thread in threading.enumerate()]

    output.close()

    assert poller.wait(timeout=5)
    poller.close()
    poller.close()
    assert "plotting" in names


def test_what_is_missing_and_the_end_are_told(pair):
    output, reader = pair
    errors, ends = [], []
    with StreamPoller(reader, lambda index, _: ends.append(index), errors.append) as poller:
        output.send(ramp(5, 5), index=10)
        output.close()
        assert poller.wait(timeout=5)

    assert [type(error) for error in errors] == [SequenceGapError, StreamEndedError]
    assert ends == [10]


def test_what_nobody_is_told_of_is_raised_when_the_thread_is_closed(pair, eventually):
    output, reader = pair
    poller = StreamPoller(reader, lambda index, data: None)
    poller.start()

    output.send(ramp(5, 5), index=10)
    eventually(lambda: poller.last_index == 10)

    with pytest.raises(SequenceGapError, match=r"samples 0\.\.4"):
        poller.close()
    poller.close()


def test_an_error_of_the_function_ends_the_thread_and_is_raised(pair):
    output, reader = pair
    poller = StreamPoller(reader, lambda index, data: 1 // 0)
    poller.start()

    output.send(ramp(0, 5))

    assert poller.wait(timeout=5)
    with pytest.raises(ZeroDivisionError):
        poller.close()


def test_a_thread_can_be_stopped_and_started_and_what_came_meanwhile_is_there(pair, eventually):
    output, reader = pair
    ends = []
    poller = StreamPoller(reader, lambda index, data: ends.append(index))

    for n in range(3):
        poller.start()
        output.send(ramp(2 * n, 1))
        eventually(lambda n=n: poller.last_index == 2 * n + 1)
        poller.stop()
        output.send(ramp(2 * n + 1, 1))

    assert ends == [1, 2, 3, 4, 5]
    assert reader.recv(timeout=5)[0] == 6


def test_a_thread_whose_function_does_not_return_is_not_waited_for_for_ever(make_output, join):
    output = make_output(protocol="inproc")
    go_on, has_begun = threading.Event(), threading.Event()
    poller = StreamPoller(join(output), lambda index, data: (has_begun.set(), go_on.wait()))
    poller.start()
    output.send(ramp(0, 1))
    has_begun.wait(5)

    with pytest.raises(ShutdownTimeoutError, match=r"still runs after 0\.01 s"):
        poller.close(timeout=0.01)

    go_on.set()
    poller.close()


def test_a_thread_is_started_once_and_with_a_stream_that_is_there(make_output, join):
    with StreamPoller(join(make_output(protocol="inproc")), print) as poller, pytest.raises(StateError):
        poller.start()
    with pytest.raises(StateError, match="not connected"):
        StreamPoller(InputStream(), print).start()


# Event loops


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 10))


def test_an_event_loop_gets_each_chunk_until_the_end(pair):
    output, reader = pair

    async def read():
        return [(index, data[0, 0]) async for index, data in AsyncReceiver(reader)]

    for first in range(0, 50, 5):
        output.send(ramp(first, 5))
    output.close()

    assert run(read()) == [(first + 5, first) for first in range(0, 50, 5)]


def test_other_tasks_go_on_while_one_waits_for_samples(pair):
    output, reader = pair

    async def read():
        async with AsyncReceiver(reader) as receiver:
            waiting = asyncio.ensure_future(receiver.receive())
            await asyncio.sleep(0)
            was_done = waiting.done()
            output.send(ramp(0, 3))
            index, data = await waiting
            return was_done, index, data

    was_done, index, data = run(read())

    assert (was_done, index) == (False, 3)
    assert np.array_equal(data, ramp(0, 3))


def test_who_is_cancelled_loses_nothing(pair):
    output, reader = pair

    async def read():
        async with AsyncReceiver(reader) as receiver:
            for _ in range(5):
                waiting = asyncio.ensure_future(receiver.__anext__())
                await asyncio.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            with pytest.raises(StreamTimeoutError):
                await receiver.receive(timeout=0.01)
            for first in range(3):
                output.send(ramp(first, 1))
            return [(await receiver.receive(5))[0] for _ in range(3)]

    assert run(read()) == [1, 2, 3]


def test_an_event_loop_is_told_of_gaps_and_goes_on(pair):
    output, reader = pair
    output.send(ramp(5, 5), index=10)
    output.close()

    async def read():
        ends = []
        async with AsyncReceiver(reader) as receiver:
            with pytest.raises(SequenceGapError, match=r"samples 0\.\.4"):
                await receiver.__anext__()
            ends += [index async for index, _ in receiver]
            with pytest.raises(StreamEndedError):
                await receiver.receive()
        return ends

    assert run(read()) == [10]


def test_a_sender_that_died_is_an_error_and_not_an_end(make_output, join, monkeypatch):
    reader = join(make_output(protocol="inproc"))

    def died(*_, **__):
        raise SenderDiedError("gone")

    monkeypatch.setattr(reader, "recv", died)

    async def read():
        async for _ in AsyncReceiver(reader):
            pass

    with pytest.raises(SenderDiedError):
        run(read())


def test_a_receiver_is_closed_twice_without_harm_and_then_gives_nothing(make_output, join):
    reader = join(make_output(protocol="inproc"))

    async def read():
        receiver = AsyncReceiver(reader)
        await receiver.aclose()
        await receiver.aclose()
        return [chunk async for chunk in receiver]

    assert run(read()) == []
    assert reader.connected
