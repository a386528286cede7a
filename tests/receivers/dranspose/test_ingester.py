"""What our ingester does by itself, with real sockets and no cluster around it."""

from __future__ import annotations

import asyncio
import json
import logging
from types import SimpleNamespace
from uuid import uuid4

import pytest
import zmq.asyncio

TIMEOUT = 30.0


def test_a_worker_that_is_gone_does_not_keep_the_others_from_their_events(caplog):
    pytest.importorskip("dranspose", reason="dranspose is not installed: pip install dranspose")

    asyncio.run(asyncio.wait_for(_send_to_two_of_which_one_is_gone(), TIMEOUT))

    assert "worker w1 is gone, and event 7 with it" in caplog.text


async def _send_to_two_of_which_one_is_gone():
    from dranspose.event import InternalWorkerMessage, StreamData

    with zmq.asyncio.Context() as context:
        with context.socket(zmq.ROUTER) as router, context.socket(zmq.DEALER) as worker:
            router.setsockopt(zmq.ROUTER_MANDATORY, 1)
            port = router.bind_to_random_port("tcp://127.0.0.1")
            worker.setsockopt(zmq.IDENTITY, b"w2")
            worker.connect(f"tcp://127.0.0.1:{port}")
            await worker.send(b"here")
            await router.recv_multipart()
            messages = {
                name: InternalWorkerMessage(
                    event_number=7, streams={"x": StreamData(typ="xspress3", frames=[name.encode()])}
                )
                for name in ("w1", "w2")
            }

            await _ingester(router)._send_workermessages(messages)

            header, part = await worker.recv_multipart()
            assert (json.loads(header)["event_number"], part) == (7, b"w2")


def _ingester(router):
    """One that has the socket, without the redis that its constructor asks for."""
    from receivers.dranspose import Xspress3Ingester

    made = Xspress3Ingester.__new__(Xspress3Ingester)
    made.out_socket = router
    made._gone = set()
    made._logger = logging.getLogger("test")
    return made


def test_a_task_that_misses_a_request_to_end_is_asked_again():
    pytest.importorskip("dranspose", reason="dranspose is not installed: pip install dranspose")

    asyncio.run(asyncio.wait_for(_restart_while_a_request_is_missed(), TIMEOUT))


async def _restart_while_a_request_is_missed():
    from dranspose.protocol import IngesterState

    async def hard_of_hearing():
        for _ in range(2):
            try:
                await asyncio.sleep(TIMEOUT * 2)
            except asyncio.CancelledError:
                continue
        raise asyncio.CancelledError

    made = _ingester(None)
    made._sources = {}
    made.state = IngesterState(name="i", url="tcp://127.0.0.1:9", streams=["x"])
    made.work_task, made.assign_task = (asyncio.create_task(hard_of_hearing()) for _ in range(2))
    await asyncio.sleep(0)  # they have begun
    old = made.work_task, made.assign_task
    made.parameters = {}
    made.dumper = None
    made._ingester_settings = SimpleNamespace(dump_path=None)

    await made.restart_work(uuid4(), [])

    assert all(task.cancelled() for task in old)
    for task in (made.work_task, made.assign_task):
        task.cancel()
