"""Slots go round: taken once, given back once."""

from __future__ import annotations

import pytest

from xspress3.errors import ConfigurationError
from xspress3.stream import FrameRing


def test_a_slot_has_room_for_a_block_of_spectra_and_scalers():
    slot = FrameRing(n_slots=1, frames_per_slot=3, n_channels=2, n_bins=16).take(timeout=0)

    assert slot.histogram.shape == (3, 2, 16)
    assert slot.scalers.shape == (3, 2, 9)


def test_an_empty_ring_gives_nothing_within_the_time():
    ring = FrameRing(n_slots=1, frames_per_slot=1, n_channels=1, n_bins=1)
    ring.take(timeout=0)

    assert ring.take(timeout=0.01) is None


def test_a_slot_given_back_is_taken_again():
    ring = FrameRing(n_slots=1, frames_per_slot=1, n_channels=1, n_bins=1)
    slot = ring.take(timeout=0)

    ring.give_back(slot)

    assert ring.take(timeout=0) is slot


def test_a_ring_without_slots_is_refused():
    with pytest.raises(ConfigurationError, match="ring of 0 slots"):
        FrameRing(n_slots=0, frames_per_slot=1, n_channels=1, n_bins=1)
