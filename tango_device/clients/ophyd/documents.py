"""Documents about the files: which there are, what is in them, and which rows an event has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from bluesky.protocols import StreamAsset
from event_model import ComposeStreamResource, DataKey
from ophyd_async.core import StreamableDataProvider

from tango_device.clients.ophyd.acquiring import AcquiringLogic, Part

__all__ = ["FileProvider", "Quantity"]

GROUP = "/entry/instrument/xspress3"
MIMETYPE = "application/x-hdf5"
SPECTRA = "data"
NUMBERS_IN_CHUNK, ROWS_IN_CHUNK = 1 << 16, 1024
"""The most of a chunk of all other datasets."""


@dataclass(frozen=True)
class Quantity:
    """A dataset of the files, as a key of events.

    Parameters
    ----------
    data_key
        Its name in events.
    dataset
        Its name in `GROUP`.
    shape
        That of one frame.
    """

    data_key: str
    dataset: str
    dtype: str
    shape: tuple[int, ...]
    units: str

    def describe(self, source: str, frames_per_event: int) -> DataKey:
        """What an event says of it."""
        return DataKey(
            source=f"{source}:{self.dataset}",
            shape=[frames_per_event, *self.shape],
            dtype="array",
            dtype_numpy=self.dtype,
            units=self.units,
            external="STREAM:",
        )


class FileProvider(StreamableDataProvider):
    """Makes the documents of one run.

    The name of a file is known when the first frame is in it: where one of the name asked for exists, the
    device takes another.

    Parameters
    ----------
    directory_uri
        Where readers of the documents find the directory of the files; ends with a slash.
    """

    def __init__(
        self, acquiring: AcquiringLogic, quantities: Sequence[Quantity], directory_uri: str, source: str
    ) -> None:
        self.collections_written_signal = acquiring.frames
        self._acquiring = acquiring
        self._quantities = quantities
        self._directory_uri, self._source = directory_uri, source
        self._bundles: dict[Part, list[Any]] = {}

    async def make_datakeys(self, collections_per_event: int) -> dict[str, DataKey]:
        """What each quantity is."""
        return {one.data_key: one.describe(self._source, collections_per_event) for one in self._quantities}

    async def make_stream_docs(
        self, collections_written: int, collections_per_event: int
    ) -> AsyncIterator[StreamAsset]:
        """Tell of frames that no document has told of, up to `collections_written`, for whole events."""
        per_event = collections_per_event
        end = collections_written // per_event * per_event
        for part, first, stop in _rows(self._acquiring.parts, self._acquiring.n_emitted, end):
            if part not in self._bundles:
                self._bundles[part] = [self._resource(part, one) for one in self._quantities]
                for bundle in self._bundles[part]:
                    yield "stream_resource", bundle.stream_resource_doc
            indices = {"start": first // per_event, "stop": stop // per_event}
            for bundle in self._bundles[part]:
                yield "stream_datum", bundle.compose_stream_datum(indices)
        self._acquiring.n_emitted = max(end, self._acquiring.n_emitted)

    def _resource(self, part: Part, quantity: Quantity) -> Any:
        return ComposeStreamResource()(
            mimetype=MIMETYPE,
            uri=f"{self._directory_uri}{PurePosixPath(part.path).name}",
            data_key=quantity.data_key,
            parameters={
                "dataset": f"{GROUP}/{quantity.dataset}",
                "swmr": True,
                "chunk_shape": (_chunk_rows(part, quantity), *quantity.shape),
            },
        )


def _chunk_rows(part: Part, quantity: Quantity) -> int:
    """Rows of a chunk, as the writer of the file chooses it; readers take as many at a time."""
    if quantity.dataset == SPECTRA:
        return min(part.frames_per_block, part.n_planned)
    return max(min(part.n_planned, ROWS_IN_CHUNK, NUMBERS_IN_CHUNK // quantity.shape[0]), 1)


def _rows(parts: Sequence[Part], first: int, end: int) -> list[tuple[Part, int, int]]:
    """Where frames `first` to `end` of the run are: in which files, at which rows of them."""
    firsts = [part.first for part in parts]
    found = [
        (part, max(first, part.first) - part.first, min(stop, end) - part.first)
        for part, stop in zip(parts, [*firsts[1:], end], strict=False)  # none before the first frame
    ]
    return [(part, start, stop) for part, start, stop in found if start < stop]
