"""What an array goes through before it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from xspress3.errors import ConfigurationError
from xspress3.stream.streams.filters import FilterFunction, apply_filters
from xspress3.stream.streams.options import StreamOptions

__all__ = ["prepare"]


def prepare(data: Any, options: StreamOptions, filters: Sequence[FilterFunction]) -> npt.NDArray[Any]:
    """`data` as it shall be sent; a copy only where `options` or `filters` make one.

    Raises
    ------
    ConfigurationError
        When what comes out of the filters is not as `options` say.
    """
    array = _as_array(data, options)
    if filters:
        array = apply_filters(filters, array)
    if array.dtype != options.dtype or array.shape[1:] != options.shape[1:] or not array.ndim:
        raise ConfigurationError(
            f"data: {array.dtype} {array.shape}, allowed is {options.dtype} {options.shape}, -1 for any"
        )
    return array.copy() if options.copy else array


def _as_array(data: Any, options: StreamOptions) -> npt.NDArray[Any]:
    if type(data) is np.ndarray:
        return data
    if isinstance(data, np.ma.MaskedArray) and _n_masked(data):
        raise ConfigurationError(
            f"data: {_n_masked(data)} values are masked and would arrive as if they were measured, "
            "allowed is what data.filled(...) gives"
        )
    if isinstance(data, (bytes, bytearray, memoryview)):
        try:
            return np.frombuffer(data, options.dtype).reshape(options.shape)
        except ValueError as error:
            raise ConfigurationError(f"data: {len(data)} bytes: {error}") from None
    return np.asarray(data)


def _n_masked(data: np.ma.MaskedArray[Any, Any]) -> int:
    """Values that are hidden, also those of fields of records."""
    return int(np.count_nonzero(np.ma.flatten_mask(np.ma.getmaskarray(data))))
