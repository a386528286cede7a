"""Memory of a stream, lent to who fills it: what is sent that way is not copied at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from xspress3.errors import ConfigurationError, StateError
from xspress3.stream.publisher import Samples
from xspress3.stream.shm import ShmPublisher
from xspress3.stream.streams.chunk_sender import ChunkSender

__all__ = ["abandon", "lend", "send_lent"]


def lend(sender: ChunkSender, n_samples: int, give_up: Callable[[], bool]) -> npt.NDArray[Any]:
    """Room for `n_samples` that leave next, shaped; `send_lent` or `abandon` follows.

    Raises
    ------
    StateError
        When the stream does not go through shared memory.
    ConfigurationError
        When so many samples do not leave in one piece.
    zmq.Again
        When there was no room until it was given up.
    """
    link, options = _ring_of(sender), sender.options
    _check_length(n_samples, options.shape[0], sender.max_samples)
    memory = link.borrow(n_samples * options.bytes_per_sample, give_up)
    array: npt.NDArray[Any] = memory.view(options.dtype).reshape((n_samples, *options.shape[1:]))
    return array


def send_lent(sender: ChunkSender, array: npt.NDArray[Any]) -> None:
    """Publish what was lent."""
    samples = sender.samples(sender.last_index + len(array), array)
    _ring_of(sender).commit(samples, lambda _: sender.block(_copied(samples)))
    sender.sent(samples)


def abandon(sender: ChunkSender) -> None:
    """Take back what was lent: nobody sees it."""
    _ring_of(sender).ring.abandon()


def _ring_of(sender: ChunkSender) -> ShmPublisher:
    if not isinstance(sender.link, ShmPublisher):
        raise StateError("borrow of a plain stream, allowed is transfermode='sharedmem'")
    return sender.link


def _copied(samples: Samples) -> Samples:
    """For readers of the socket, who look at it when the memory is used again."""
    end, array, sequence, time_ns = samples
    return end, array.copy(), sequence, time_ns


def _check_length(n_samples: int, fixed: int, most: int) -> None:
    """Refuse to lend memory for so many samples; `fixed` is -1 where any number will do."""
    if n_samples != (n_samples if fixed == -1 else fixed) or not 1 <= n_samples <= most:
        allowed = f"1..{most}, as chunk_size and buffer_size make it" if fixed == -1 else fixed
        raise ConfigurationError(f"borrow of {n_samples} samples, allowed are {allowed}")
