"""Pauses that the hardware makes between frames that follow each other by themselves."""

from __future__ import annotations

__all__ = ["LONGEST_PAUSE", "SHORTEST_PAUSE", "check_pause"]

SHORTEST_PAUSE, LONGEST_PAUSE = 25e-9, 1e-6
"""Seconds."""


def check_pause(name: str, seconds: float) -> None:
    """Raise `ValueError` when the hardware makes no pause so long; `name` is what the caller calls it."""
    if seconds > LONGEST_PAUSE:
        raise ValueError(
            f"{name}: {seconds} s between frames, allowed is up to {LONGEST_PAUSE} s, the longest pause that "
            "the hardware makes by itself"
        )
