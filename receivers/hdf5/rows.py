"""Small datasets that grow together: written some thirty at a time, at each flush."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

__all__ = ["RowWriter"]


class RowWriter:
    """Writes the same rows of each dataset, with the calls of HDF5: those of h5py take five times as long::

    writer = RowWriter(datasets)
    writer.write(first_row, {"all_good": values, ...})
    writer.grow(n_rows)

    Parameters
    ----------
    datasets
        By name; only the number of their rows can change.

    Attributes
    ----------
    n_rows
        Rows that all of them have.
    """

    def __init__(self, datasets: Mapping[str, h5py.Dataset]) -> None:
        self._ids = {name: dataset.id for name, dataset in datasets.items()}
        self._shapes = {name: dataset.shape[1:] for name, dataset in datasets.items()}
        self.n_rows = max(dataset.shape[0] for dataset in datasets.values())

    def grow(self, n_rows: int) -> None:
        """Give all `n_rows` rows, unless they have more."""
        if n_rows <= self.n_rows:
            return
        for name, one in self._ids.items():
            one.set_extent((n_rows, *self._shapes[name]))
        self.n_rows = n_rows

    def write(self, first_row: int, values: Mapping[str, npt.NDArray[Any]]) -> None:
        """Put `values`, one array for each dataset and all of the same length, from `first_row` on."""
        length = len(next(iter(values.values())))
        self.grow(first_row + length)
        spaces = {shape: self._spaces(first_row, length, shape) for shape in set(self._shapes.values())}
        for name, one in self._ids.items():
            one.write(*spaces[self._shapes[name]], np.ascontiguousarray(values[name]))

    def _spaces(self, first_row: int, length: int, shape: tuple[int, ...]) -> tuple[Any, Any]:
        """What is written in memory, and where it goes in a dataset with rows of `shape`."""
        size = (length, *shape)
        place = h5py.h5s.create_simple((self.n_rows, *shape))
        place.select_hyperslab((first_row, *(0 for _ in shape)), size)
        return h5py.h5s.create_simple(size), place
