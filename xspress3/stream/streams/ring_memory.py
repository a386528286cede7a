"""Where a ring buffer keeps its samples: memory of its own, or memory that other processes see.

::

    64 bytes              header, eight int64
    shape[0] bytes        for each row whether its sample came; filled up to a multiple of 64
    the rest              samples
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3.stream.shared import SharedMem

__all__ = ["RingMemory"]

_HEADER_BYTES = 64
_LINE_BYTES = 64
"""Line of the processor's cache; what follows begins at one."""


class RingMemory:
    """Header, marks and samples of a ring buffer, see `RingBuffer` for the arguments.

    Attributes
    ----------
    header
        Eight int64.
    received
        Bool, shape `shape[:1]`.
    buffer
        The samples: axes in the order of `shape`, twice as many rows with `double`, in memory in the
        order of `axisorder`.
    shm_id
        Name of the shared memory; `None` when there is none.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        double: bool,
        axisorder: tuple[int, ...],
        shmem: bool | str | None,
    ) -> None:
        full = (shape[0] * (2 if double else 1), *shape[1:])
        native = [full[axis] for axis in axisorder]
        self._shmem: SharedMem | None = None
        self.shm_id: str | None = None
        if shmem is None or shmem is False:
            self.header: npt.NDArray[np.int64] = np.zeros(_HEADER_BYTES // 8, np.int64)
            self.received: npt.NDArray[np.bool_] = np.zeros(shape[0], np.bool_)
            memory = np.empty(native, dtype)
        else:
            memory = self._share(shape[0], native, dtype, None if shmem is True else shmem)
        self.buffer: npt.NDArray[Any] = memory.transpose(np.argsort(axisorder))

    def _share(
        self, length: int, native: list[int], dtype: np.dtype[Any], shm_id: str | None
    ) -> npt.NDArray[Any]:
        data_at = _HEADER_BYTES + -(-length // _LINE_BYTES) * _LINE_BYTES
        nbytes = data_at + int(np.prod(native, dtype=object)) * dtype.itemsize
        self._shmem = SharedMem(nbytes, shm_id)
        self.shm_id = self._shmem.shm_id
        self.header = self._shmem.to_numpy(0, np.int64, (_HEADER_BYTES // 8,))
        self.received = self._shmem.to_numpy(_HEADER_BYTES, np.bool_, (length,))
        return self._shmem.to_numpy(data_at, dtype, native)

    def close(self) -> None:
        """Let go of shared memory; who made it takes its name away. Arrays that are held stay valid."""
        if self._shmem is not None:
            self._shmem.close()
