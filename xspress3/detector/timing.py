"""Seconds to the words of the internal timing generator, and back; pure arithmetic.

A frame counts for `collection_ticks` and is followed by one of four gaps. What users give is the
period and the pause they want in it, so::

    exposure_time = counting time + max(latency_time, gap)
"""

from __future__ import annotations

from dataclasses import dataclass

from xspress3.errors import ConfigurationError
from xspress3.model import Acquisition, Timing, TriggerMode
from xspress3.sdk.constants import MAX_COLLECTION_TICKS, MIN_COLLECTION_TICKS, GapMode, ItfgTrigger

__all__ = ["ItfgWords", "itfg_words"]


@dataclass(frozen=True)
class ItfgWords:
    """Arguments of `Sdk.itfg_setup`."""

    n_frames: int
    collection_ticks: int
    trigger: ItfgTrigger
    gap: GapMode

    def timing(self, clock_period: float) -> Timing:
        """What they mean, in s and ticks."""
        return Timing(clock_period, self.collection_ticks, self.gap.ticks)


def itfg_words(acquisition: Acquisition, clock_period: float) -> ItfgWords:
    """Words for `acquisition` with ticks of `clock_period` s, rounded to the nearest tick.

    Raises
    ------
    ConfigurationError
        When the counting time is too short, or longer than a register of 32 bits can hold.
    """
    gap = _gap_for(acquisition.latency_time, clock_period)
    longest_gap = GapMode.GAP_1US.ticks * clock_period
    is_internal = acquisition.trigger_mode is TriggerMode.INTERNAL
    if is_internal and acquisition.latency_time > longest_gap + clock_period / 2:
        raise ConfigurationError(
            f"latency_time: {acquisition.latency_time} s with trigger mode internal, allowed is up to "
            f"{longest_gap:.3g} s, the longest pause that the hardware makes by itself"
        )
    pause_ticks = max(acquisition.latency_time / clock_period, gap.ticks)
    ticks = round(acquisition.exposure_time / clock_period - pause_ticks)
    if not MIN_COLLECTION_TICKS <= ticks <= MAX_COLLECTION_TICKS:
        shortest = (MIN_COLLECTION_TICKS + pause_ticks) * clock_period
        longest = (MAX_COLLECTION_TICKS + pause_ticks) * clock_period
        raise ConfigurationError(
            f"exposure_time: {acquisition.exposure_time} s with latency_time {acquisition.latency_time} s is "
            f"{ticks} ticks of {clock_period * 1e9:g} ns, allowed is {shortest:.4g} s to {longest:.4g} s"
        )
    return ItfgWords(acquisition.n_frames, ticks, _trigger_for(acquisition), gap)


def _gap_for(latency_time: float, clock_period: float) -> GapMode:
    """The shortest gap that is not shorter than the pause wanted, else the longest there is."""
    wanted_ticks = latency_time / clock_period
    for gap in GapMode:
        if gap.ticks >= wanted_ticks - 0.5:
            return gap
    return GapMode.GAP_1US


def _trigger_for(acquisition: Acquisition) -> ItfgTrigger:
    if acquisition.trigger_mode is TriggerMode.INTERNAL:
        return ItfgTrigger.BURST
    return ItfgTrigger.SOFTWARE_ONLY_FIRST if acquisition.n_triggers == 1 else ItfgTrigger.SOFTWARE
