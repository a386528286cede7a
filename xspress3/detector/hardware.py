"""What is done to the hardware once, when it is opened, and what it then says of itself."""

from __future__ import annotations

from typing import Any

from xspress3.config import DetectorConfig
from xspress3.model import DetectorInfo, Generation
from xspress3.sdk import Sdk
from xspress3.sdk.constants import ClockFlag, ClockSource, ItfgCode, RunFlag, SyncMode

__all__ = ["event_width", "set_up"]

_CLOCK_SOURCE = {
    Generation.XSPRESS3: ClockSource.XTAL,
    Generation.XSPRESS3_V7: ClockSource.XTAL,
    Generation.XSPRESS3_MINI: ClockSource.MINI_CDCM61004,
    Generation.XSPRESS4: ClockSource.MINI_LMK61E2,
}
_RACK_CLOCK_SOURCE = ClockSource.MIDPLANE_LMK61E2
"""Source of an Xspress 4 with several cards."""
_VARIABLE_WIDTH_TICKS = 3


def set_up(sdk: Sdk, config: DetectorConfig) -> tuple[ItfgCode, DetectorInfo]:
    """Set clock, calibration, wiring and format; gives what the timing generator can do, and all else.

    Raises
    ------
    SdkError
        When the hardware refuses, or is of a kind that is not known.
    """
    generation, n_cards = sdk.get_generation(), sdk.get_num_cards()
    sdk.set_run_flags(RunFlag.HIST | RunFlag.SCALERS | RunFlag.CIRCULAR_BUFFER)
    sdk.clocks_setup(_clock_source(generation, n_cards), ClockFlag.MASTER | ClockFlag.NO_DITHER)
    if config.settings is not None:
        sdk.restore_settings(config.settings)
    if n_cards > 1:
        sdk.set_sync_mode(SyncMode(config.sync_mode))
    n_channels = sdk.get_num_chan()
    return sdk.has_itfg(), DetectorInfo(
        library=sdk.library.path,
        generation=generation,
        revision=_revision_text(sdk.get_revision()),
        n_cards=n_cards,
        n_channels=n_channels,
        n_bins=sdk.get_bins_per_mca(),
        clock_period=sdk.get_clock_period(),
        ring_frames=sdk.format_run(),
        event_widths=tuple(event_width(sdk.get_trigger_b(c)) for c in range(n_channels)),
    )


def _clock_source(generation: Generation, n_cards: int) -> ClockSource:
    is_rack = generation is Generation.XSPRESS4 and n_cards > 1
    return _RACK_CLOCK_SOURCE if is_rack else _CLOCK_SOURCE[generation]


def event_width(parameters: Any) -> int:
    """Ticks lost per event, of a channel's trigger parameters (`Xspress3_TriggerB`).

    Where the width is variable, `event_time` is the longest that an event may take. The EPICS driver takes
    three ticks off it then, and so do we.
    """
    shorter = _VARIABLE_WIDTH_TICKS if parameters.enb_variable_width else 0
    return max(int(parameters.event_time) - shorter, 0)


def _revision_text(packed: int) -> str:
    """Code, major and minor of the firmware as `code.major.minor`."""
    return f"{packed >> 24 & 0xFF}.{packed >> 12 & 0xFFF}.{packed & 0xFFF}"
