"""Samples of every kind of stream, for tests."""

from __future__ import annotations

import numpy as np

EVENT = np.dtype([("time", "datetime64[ms]"), ("label", "S32"), ("value", "<f8", (2,))])

KINDS = {
    "analog signals": ("analogsignal", "<f4", (16,)),
    "digital signals": ("digitalsignal", "uint8", (3,)),
    "bools": ("digitalsignal", "bool", (2,)),
    "video": ("video", "<u2", (48, 64)),
    "events": ("event", EVENT, ()),
    "times": ("event", "datetime64[us]", ()),
    "texts": ("event", "U7", (2,)),
    "complex, big-endian": ("analogsignal", ">c8", (2,)),
}
"""Stream type, dtype, and shape of a sample."""


def samples(dtype, shape, n_samples, seed=0):
    """Anything, but of just this type and shape, and always the same."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.names:
        made = np.empty((n_samples, *shape), dtype)
        for name in dtype.names:
            field = dtype[name]
            made[name] = samples(field.base, shape + field.shape, n_samples, seed)
        return made
    numbers = rng.integers(0, 1 << 7, (n_samples, *shape))
    if dtype.kind in "SU":
        return np.char.add("text ", (numbers % 10).astype("U1")).astype(dtype)
    return numbers.astype("int64").astype(dtype)


def keep_on(action, most=100):
    """Do it until it raises; the list that `action` may fill tells how often."""
    for _ in range(most):
        action()
    raise AssertionError(f"{most} times, and nothing was raised")


def ramp(first, n_samples, n_channels=2, dtype="<f4"):
    """Sample i holds i in each channel."""
    return np.repeat(np.arange(first, first + n_samples)[:, None], n_channels, axis=1).astype(dtype)
