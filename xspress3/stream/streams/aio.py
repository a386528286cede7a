"""Streams for programs with an event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Union

from xspress3.errors import SenderDiedError, StateError, StreamEndedError, StreamTimeoutError
from xspress3.stream.streams.input import InputStream

__all__ = ["AsyncReceiver"]

_TURN = 0.05
"""Seconds that the thread waits at a time; closing takes as long."""
_MOST = 64
"""Chunks that are fetched together, when they are there."""

Sample = tuple[int, Any]
Fetched = list[Union[Sample, Exception]]


class AsyncReceiver:
    """Gives the chunks of a stream to an event loop::

        async with AsyncReceiver(input) as receiver:
            async for index, data in receiver:
                ...

    The loop ends when the sender says that the stream has ended. What else `input.recv` raises is raised
    there; after a `SequenceGapError` another `async for` goes on. Who is cancelled loses nothing.

    Parameters
    ----------
    input
        Connected; used by a thread of the receiver until `aclose`, and closed by who made it.
    return_data
        As of `InputStream.recv`.
    """

    def __init__(self, input: InputStream, *, return_data: bool | None = None) -> None:  # noqa: A002
        self._input = input
        self._return_data = return_data
        self._ready: deque[Union[Sample, Exception]] = deque()
        self._fetching: Future[Fetched] | None = None
        self._thread: ThreadPoolExecutor | None = ThreadPoolExecutor(
            1, thread_name_prefix=f"async-{input.name or 'stream'}"
        )
        self._has_ended = False

    def __aiter__(self) -> AsyncReceiver:
        return self

    async def __anext__(self) -> Sample:
        while not self._ready:
            if self._has_ended:
                raise StopAsyncIteration
            self._ready.extend(await self._fetch())
        found = self._ready.popleft()
        if not isinstance(found, Exception):
            return found
        if isinstance(found, StreamEndedError):
            await self.aclose()
            if not isinstance(found, SenderDiedError):
                raise StopAsyncIteration
        raise found

    async def receive(self, timeout: float | None = None) -> Sample:
        """The next chunk, as `InputStream.recv` gives it, with its errors."""
        try:
            return await asyncio.wait_for(self.__anext__(), timeout)
        except asyncio.TimeoutError:
            raise StreamTimeoutError(f"nothing came within {timeout} s") from None
        except StopAsyncIteration:
            raise StreamEndedError("the stream has ended") from None

    async def aclose(self) -> None:
        """End the thread, within a moment; a second call does nothing.

        The input stays connected; chunks that were fetched for the loop and not taken are gone.
        """
        self._has_ended = True
        thread, self._thread = self._thread, None
        fetching, self._fetching = self._fetching, None
        if thread is None:
            return
        if fetching is not None and not fetching.cancel():
            await asyncio.wait([asyncio.wrap_future(fetching)])
        thread.shutdown()

    async def __aenter__(self) -> AsyncReceiver:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    async def _fetch(self) -> Fetched:
        if self._thread is None:
            raise StateError("the receiver is closed")
        if self._fetching is None:
            self._fetching = self._thread.submit(self._take)
        # Shielded: who waits may be cancelled, what the thread has taken must not get lost with it.
        taken = await asyncio.shield(asyncio.wrap_future(self._fetching))
        self._fetching = None
        return taken

    def _take(self) -> Fetched:
        """What is there; in the thread."""
        taken: Fetched = []
        while len(taken) < _MOST:
            try:
                taken.append(self._input.recv(self._return_data, timeout=0 if taken else _TURN))
            except StreamTimeoutError:
                break
            except Exception as error:  # raised where it is waited for
                taken.append(error)
                break
        return taken
