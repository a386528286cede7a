"""Seconds to the words of the internal timing generator, and back; pure arithmetic.

A frame counts for `collection_ticks` and is followed by one of four gaps. What users give is the
period and the pause they want in it, so::

    exposure_time = counting time + max(latency_time, gap)
"""

from __future__ import annotations

from dataclasses import dataclass

from xspress3.errors import ConfigurationError
from xspress3.model import Acquisition, Timing, TriggerMode
from xspress3.sdk.calls.timing import TimingSetup
from xspress3.sdk.constants import (
    DEBOUNCE_SHIFT,
    MAX_COLLECTION_TICKS,
    MAX_DEBOUNCE_TICKS,
    MIN_COLLECTION_TICKS,
    GapMode,
    ItfgTrigger,
    TimingBit,
    TimingSource,
)

__all__ = ["ENDLESS", "Inputs", "ItfgWords", "itfg_words", "timing_setup", "timing_word"]

ENDLESS = 0
"""Number of frames that lets the timing generator go on until it is stopped."""

_SOURCES = {
    TriggerMode.INTERNAL: TimingSource.INTERNAL,
    TriggerMode.SOFTWARE: TimingSource.INTERNAL,
    TriggerMode.EXTERNAL_MULTI: TimingSource.INTERNAL,
    TriggerMode.EXTERNAL_MULTI_GATE: TimingSource.TTL_VETO_ONLY,
    TriggerMode.TTL_BOTH: TimingSource.TTL_BOTH,
    TriggerMode.LVDS_GATE: TimingSource.LVDS_VETO_ONLY,
    TriggerMode.LVDS_BOTH: TimingSource.LVDS_BOTH,
}


@dataclass(frozen=True)
class Inputs:
    """How the inputs are read.

    Parameters
    ----------
    is_veto_inverted
        Gates are low, and trigger edges falling.
    is_frame_zero_inverted
        Input 0 is active when low.
    debounce_ticks
        0..255; a level counts when it was stable for so long. 80 ticks are 1 us at 80 MHz.
    """

    is_veto_inverted: bool = False
    is_frame_zero_inverted: bool = False
    debounce_ticks: int = 80

    def __post_init__(self) -> None:
        if type(self.debounce_ticks) is not int or not 0 <= self.debounce_ticks <= MAX_DEBOUNCE_TICKS:
            raise ConfigurationError(
                f"debounce_ticks: {self.debounce_ticks}, allowed is 0..{MAX_DEBOUNCE_TICKS}"
            )


def timing_word(mode: TriggerMode, inputs: Inputs) -> int:
    """Value of timing register A of a single card."""
    word = int(_SOURCES[mode]) | inputs.debounce_ticks << DEBOUNCE_SHIFT
    word |= inputs.is_veto_inverted * TimingBit.VETO_INVERTED
    return word | inputs.is_frame_zero_inverted * TimingBit.FRAME_ZERO_INVERTED


def timing_setup(mode: TriggerMode, inputs: Inputs) -> TimingSetup:
    """The same for a system of several cards."""
    return TimingSetup(
        source=_SOURCES[mode],
        is_frame_zero_inverted=inputs.is_frame_zero_inverted,
        is_veto_inverted=inputs.is_veto_inverted,
        debounce_ticks=inputs.debounce_ticks,
    )


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
    return ItfgWords(acquisition.n_frames or ENDLESS, ticks, _trigger_for(acquisition), gap)


def _gap_for(latency_time: float, clock_period: float) -> GapMode:
    """The shortest gap that is not shorter than the pause wanted, else the longest there is."""
    wanted_ticks = latency_time / clock_period
    for gap in GapMode:
        if gap.ticks >= wanted_ticks - 0.5:
            return gap
    return GapMode.GAP_1US


_EACH_FRAME = {
    TriggerMode.SOFTWARE: ItfgTrigger.SOFTWARE,
    TriggerMode.EXTERNAL_MULTI: ItfgTrigger.HARDWARE,
}
_FIRST_FRAME = {
    TriggerMode.SOFTWARE: ItfgTrigger.SOFTWARE_ONLY_FIRST,
    TriggerMode.EXTERNAL_MULTI: ItfgTrigger.HARDWARE_ONLY_FIRST,
}


def _trigger_for(acquisition: Acquisition) -> ItfgTrigger:
    """What the generator waits for; with gates it is not used and never waits."""
    words = _EACH_FRAME if acquisition.is_trigger_per_frame else _FIRST_FRAME
    return words.get(acquisition.trigger_mode, ItfgTrigger.BURST)
