"""The ingester: our stream, batched, compressed and lossless, as one event for each frame."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

import zmq
from dranspose.event import InternalWorkerMessage, StreamData
from dranspose.ingesters.zmqsub_xspress3 import ZmqSubXspressIngester, ZmqSubXspressSettings
from dranspose.protocol import StreamName, WorkerName
from pydantic import UUID4, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from receivers.dranspose.events import EVENT_TYPE, Event, EventCutter
from receivers.dranspose.source import PATIENCE, Heap, SessionKey, SessionSource
from receivers.receiver import SILENCE_TIMEOUT
from xspress3.stream.security import client_keys, no_keys

__all__ = ["Xspress3Ingester", "Xspress3IngesterOptions"]

CANCEL_INTERVAL = 0.5
REACH_TIMEOUT, REACH_INTERVAL = 1.5, 0.05
"""Seconds for which a worker that cannot be reached is waited for, and between two attempts."""
JOIN_TIMEOUT = 3.0
"""Seconds that a new map waits for the streamer; dranspose itself gives up after 10 s."""


class Xspress3IngesterOptions(BaseSettings):
    """What may be chosen by environment variables, `XSPRESS3_FRAMES_PER_EVENT` and so on.

    Parameters
    ----------
    frames_per_event
        Frames in an event. With more than 1 the map has so many times fewer entries.
    patience
        Seconds for which the stream is held up by a cluster that takes nothing; then frames are told as lost.
    silence_timeout
        Seconds without a connection after which a session is taken as broken off.
    reader_key, server_key
        Files with the keys of this reader and of the streamer, both or neither.
    """

    model_config = SettingsConfigDict(env_prefix="XSPRESS3_", extra="ignore")

    frames_per_event: int = Field(1, ge=1, le=4096)
    patience: float = Field(PATIENCE, gt=0)
    silence_timeout: float = Field(SILENCE_TIMEOUT, gt=0)
    reader_key: str | None = None
    server_key: str | None = None


class Xspress3Ingester(ZmqSubXspressIngester):
    """Joins the stream when a map is posted, before the post is answered, and leaves it with the map::

        dranspose ingester -n xspress3 -c receivers.dranspose:Xspress3Ingester -u tcp://127.0.0.1:9999

    It is made from the ingester of the old dialect because the command line of dranspose finds the
    settings of an ingester, its address above all, by the name of the class it is made from.
    """

    def __init__(self, settings: ZmqSubXspressSettings | None = None) -> None:
        super().__init__(settings)
        self._options = Xspress3IngesterOptions()
        security = client_keys(self._options.reader_key, self._options.server_key)
        self._secure = no_keys if security is None else security.apply
        self._sources: dict[StreamName, _Inlet] = {}
        self._seen: dict[StreamName, SessionKey | None] = {}
        self._gone: set[WorkerName] = set()

    async def restart_work(self, uuid: UUID4, active_streams: list[StreamName]) -> None:
        """Leave the session of the map before, and join for the new one.

        Whoever posts a map is answered when all parts of the cluster have it, this one included.
        So a session that is armed after that finds this reader, and its start is not missed.
        """
        for task in (self.work_task, self.assign_task):
            await _end(task)
        await self._leave_all()
        self._gone.clear()
        mine = set(active_streams).intersection(self.state.streams)
        await asyncio.gather(*(self._join(stream) for stream in mine))
        await super().restart_work(uuid, active_streams)

    async def run_source(self, stream: StreamName) -> AsyncGenerator[StreamData, None]:
        """Yield the start, then an event for each frame, then the end as often as it is asked for."""
        async for event in self._sources[stream].events():
            yield StreamData(typ=EVENT_TYPE, frames=event)

    async def stop_source(self, stream: StreamName) -> None:
        """Leave the stream; it is known which session was taken."""
        inlet = self._sources.pop(stream, None)
        if inlet is not None:
            self._seen[stream] = inlet.source.key or self._seen.get(stream)
            await asyncio.to_thread(inlet.source.close)

    async def _send_workermessages(self, workermessages: dict[WorkerName, InternalWorkerMessage]) -> None:
        """Send to each worker, and go on without those that are gone.

        The method of dranspose would end the map for all workers when one of them has died.
        """
        for worker, message in workermessages.items():
            if not await self._reach(worker, message):
                self._logger.error("worker %s is gone, and event %d with it", worker, message.event_number)

    async def _reach(self, worker: WorkerName, message: InternalWorkerMessage) -> bool:
        """Send to a worker; one that connects anew, as after a restart of ours, is waited for once a map."""
        patience = 0.0 if worker in self._gone else REACH_TIMEOUT
        deadline = time.monotonic() + patience
        while True:
            try:
                await super()._send_workermessages({worker: message})
            except zmq.ZMQError as error:
                if error.errno != zmq.EHOSTUNREACH:
                    raise
            else:
                self._gone.discard(worker)
                return True
            if time.monotonic() >= deadline:
                self._gone.add(worker)
                return False
            await asyncio.sleep(REACH_INTERVAL)

    async def finish_work(self) -> None:
        """Leave when the map is done, so that frames beyond it hold up nobody."""
        await self._leave_all()
        await super().finish_work()

    async def close(self) -> None:
        """Leave, then close as any ingester."""
        await self._leave_all()
        await super().close()

    async def _join(self, stream: StreamName) -> None:
        inlet = _Inlet(self._options.frames_per_event)
        inlet.source = SessionSource(
            str(self._streaming_xspress_settings.upstream_url),
            inlet.hand_over,
            name=self.state.name,
            seen=self._seen.get(stream),
            patience=self._options.patience,
            silence_timeout=self._options.silence_timeout,
            secure=self._secure,
        )
        self._sources[stream] = inlet
        if not await asyncio.to_thread(inlet.source.wait_joined, JOIN_TIMEOUT):
            self._logger.warning("nobody answers at %s yet", self._streaming_xspress_settings.upstream_url)

    async def _leave_all(self) -> None:
        for stream in list(self._sources):
            await self.stop_source(stream)


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel `task`, again until it has ended.

    The client of redis (8.0 and 8.1) takes such a request for its own now and then. dranspose asks once and
    then waits for ever: the ingester would take part in no map any more, and so no map would begin.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_INTERVAL)


class _Inlet:
    """The way from the thread of a source into the event loop."""

    source: SessionSource

    def __init__(self, frames_per_event: int) -> None:
        self._cutter = EventCutter(frames_per_event)
        self._loop = asyncio.get_running_loop()
        self._heaps: asyncio.Queue[Heap] = asyncio.Queue()

    def hand_over(self, heap: Heap) -> None:
        """Take a heap from the thread."""
        self._loop.call_soon_threadsafe(self._heaps.put_nowait, heap)

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield every event of the session, the last one for ever."""
        while True:
            heap = await self._heaps.get()
            for item in heap.items:
                for event in self._cutter.events(item):
                    yield event
            self.source.take_back()
            while heap.is_last:
                yield event
