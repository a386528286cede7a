"""The parser and the ingester of dranspose, unmodified, where it is installed.

`pip install dranspose==0.2.0`; it takes the place of nothing of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from types import SimpleNamespace

import numpy as np
import pytest
import zmq
import zmq.asyncio

pytest.importorskip("dranspose", reason="dranspose is not installed")

from dranspose.ingesters.zmqsub_xspress3 import ZmqSubXspressIngester
from dranspose.middlewares import xspress

SCALERS = {"AllEvents": 3, "AllGood": 4, "ClockTicks": 0, "TotalTicks": 8, "ResetTicks": 1}


async def ingest(endpoint: str, series) -> list:
    """What its ingester makes of a series, which begins when it has joined; gives what its parser says."""
    context = zmq.asyncio.Context()
    ingester = SimpleNamespace(
        ctx=context,
        in_socket=None,
        _logger=logging.getLogger("dranspose"),
        _streaming_xspress_settings=SimpleNamespace(upstream_url=endpoint),
    )
    packets = []
    try:
        async with contextlib.aclosing(ZmqSubXspressIngester.run_source(ingester, "xspress3")) as source:
            first = asyncio.ensure_future(anext(source))
            await asyncio.to_thread(series)
            packets.append(xspress.parse(await first))
            while packets[-1].htype != "series_end":
                packets.append(xspress.parse(await anext(source)))
        await ZmqSubXspressIngester.stop_source(ingester, "xspress3")
    finally:
        context.destroy(linger=0)
    return packets


@pytest.mark.parametrize("dialect", ["multipart", "legacy"])
def test_its_ingester_gets_series_after_series_whole(make_publisher, start, histogram, scalers, dialect):
    publisher = make_publisher(dialect)

    def series() -> None:
        # A new socket for each series: its own joining counts, not that somebody is there.
        while not publisher.poll_joins():
            publisher._socket.poll(100)
        publisher.begin(start)
        publisher.send(0, histogram, scalers)
        publisher.end()

    for _ in range(3):
        header, *frames, _ = asyncio.run(asyncio.wait_for(ingest(publisher.endpoint, series), 10))

        assert header.filename == "/data/a.h5"
        assert [frame.frame for frame in frames] == [0, 1, 2]
        for row, frame in enumerate(frames):
            assert np.array_equal(frame.data, histogram[row])
            assert frame.exptime == 0.1
            assert frame.meta["event_widths"].tolist() == [6, 4]
            assert next(iter(frame.meta)) == "ocr"
            for name, place in SCALERS.items():
                assert np.array_equal(frame.meta[name], scalers[row, :, place]), name
