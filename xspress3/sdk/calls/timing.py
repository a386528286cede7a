"""What makes frames begin and end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xspress3.errors import ConfigurationError
from xspress3.model import MAX_ITFG_FRAMES
from xspress3.sdk._sdk import ffi
from xspress3.sdk.calls.base import ALL, WORD, Calls
from xspress3.sdk.check import known, require_between, require_member
from xspress3.sdk.constants import (
    EXTRA_BITS,
    MAX_CARDS,
    MAX_COLLECTION_TICKS,
    MAX_DEBOUNCE_TICKS,
    MAX_TIME_FIXED,
    MIN_COLLECTION_TICKS,
    AcquireInPause,
    GapMode,
    ItfgCode,
    ItfgTrigger,
    SyncMode,
    TimingSource,
)

__all__ = ["ItfgSetup", "TimingCalls", "TimingSetup"]


@dataclass(frozen=True)
class TimingSetup:
    """Timing of a whole system in one piece: the first card and those that follow it.

    Parameters
    ----------
    debounce_ticks
        0..255; an edge counts when its level was stable for so long.
    others_debounce_ticks
        1..255, of the cards that follow; `None` leaves it to the library, which takes it from the gap that
        the timing generator was set up for.
    loops_io
        For tests: outputs are looped to inputs.
    first_extra, others_extra
        More bits for timing register A, such as what the outputs give: those of `EXTRA_BITS`.
    """

    source: TimingSource
    first_frame: int = 0
    is_frame_zero_inverted: bool = False
    is_veto_inverted: bool = False
    debounce_ticks: int = 0
    others_debounce_ticks: int | None = None
    loops_io: bool = False
    first_extra: int = 0
    others_extra: int = 0


@dataclass(frozen=True)
class ItfgSetup:
    """What the internal timing generator is set up for."""

    n_frames: int
    collection_ticks: int
    trigger: ItfgTrigger
    gap: GapMode


class TimingCalls(Calls):
    """Timing registers and the internal timing generator."""

    def set_glob_timeA(self, value: int, card: int = ALL) -> None:  # noqa: N802  # the SDK's name
        """Write the whole of timing register A; it stops a run, so only while idle."""
        call = "xsp3_set_glob_timeA"
        self._call(call, card, require_between(call, "value", value, 0, WORD))

    def get_glob_timeA(self, card: int = 0) -> int:  # noqa: N802
        """Timing register A, with the bits of the run."""
        return int(self._values("xsp3_get_glob_timeA", "uint32_t", card)[0])

    def set_glob_timeFixed(self, first_frame: int = 0, card: int = ALL) -> None:  # noqa: N802
        """Choose the number of the first frame."""
        call = "xsp3_set_glob_timeFixed"
        self._call(call, card, require_between(call, "first_frame", first_frame, 0, MAX_TIME_FIXED))

    def get_glob_timeFixed(self, card: int = 0) -> int:  # noqa: N802
        """The register with the number of the first frame."""
        return int(self._values("xsp3_get_glob_timeFixed", "uint32_t", card)[0])

    def get_glob_time_statA(self, card: int = 0) -> int:  # noqa: N802
        """Status of the timing: frame, and whether it counts, runs, is paused, has finished."""
        return int(self._values("xsp3_get_glob_time_statA", "uint32_t", card)[0])

    def set_timing(self, setup: TimingSetup) -> None:
        """Set up the first card with its source, and the others to follow it."""
        call = "xsp3_set_timing"
        timing: Any = ffi.new("Xsp3Timing *")
        timing.t_src = int(require_member(call, "source", setup.source, TimingSource))
        timing.fixed = require_between(call, "first_frame", setup.first_frame, 0, MAX_TIME_FIXED)
        timing.inv_f0 = int(setup.is_frame_zero_inverted)
        timing.inv_veto = int(setup.is_veto_inverted)
        ticks = require_between(call, "debounce_ticks", setup.debounce_ticks, 0, MAX_DEBOUNCE_TICKS)
        timing.debounce = ticks
        if setup.others_debounce_ticks is not None:
            others = require_between(
                call, "others_debounce_ticks", setup.others_debounce_ticks, 1, MAX_DEBOUNCE_TICKS
            )
            timing.override_debounce_other = others
        timing.loop_io = int(setup.loops_io)
        timing.card0_a_extra = _require_extra(call, "first_extra", setup.first_extra)
        timing.cardn_a_extra = _require_extra(call, "others_extra", setup.others_extra)
        self._call(call, timing)

    def set_sync_mode(self, mode: SyncMode, use_global_reset: bool = False, reset_card: int = 0) -> None:
        """Say how the cards are wired together."""
        call = "xsp3_set_sync_mode"
        wiring = require_member(call, "mode", mode, SyncMode)
        card = require_between(call, "reset_card", reset_card, 0, MAX_CARDS - 1)
        self._call(call, int(wiring), int(use_global_reset), card)

    def has_itfg(self, card: int = 0) -> ItfgCode:
        """What the internal timing generator of a card can do."""
        call = "xsp3_has_itfg"
        return known(call, "code", self._call(call, card), ItfgCode)

    def itfg_setup(
        self, n_frames: int, collection_ticks: int, trigger: ItfgTrigger, gap: GapMode, card: int = 0
    ) -> None:
        """Set up the internal timing generator; `n_frames` 0 goes on until stopped."""
        call = "xsp3_itfg_setup"
        self._call(call, card, *_itfg_words(call, n_frames, collection_ticks, trigger, gap))

    def itfg_setup2(
        self,
        setup: ItfgSetup,
        in_pause: AcquireInPause = AcquireInPause.OFF,
        marker_period: int = 0,
        marker_frame: int = 0,
        card: int = 0,
    ) -> None:
        """As `itfg_setup`, and what is acquired while it waits, and every how many frames a marker comes."""
        call = "xsp3_itfg_setup2"
        words = _itfg_words(call, setup.n_frames, setup.collection_ticks, setup.trigger, setup.gap)
        period = require_between(call, "marker_period", marker_period, 0, MAX_ITFG_FRAMES)
        frame = require_between(call, "marker_frame", marker_frame, 0, max(period - 1, 0))
        acquire = require_member(call, "in_pause", in_pause, AcquireInPause)
        self._call(call, card, *words, int(acquire), period, frame)

    def itfg_get_setup(self, card: int = 0) -> ItfgSetup:
        """What the internal timing generator is set up for."""
        call = "xsp3_itfg_get_setup"
        n_frames, ticks, trigger, gap = self._values(call, "int uint32_t int int", card)
        waits_for = known(call, "trigger", trigger, ItfgTrigger)
        return ItfgSetup(int(n_frames), int(ticks), waits_for, known(call, "gap", gap, GapMode))

    def itfg_stop(self, card: int = 0) -> None:
        """Let the generator make no more frames; the run goes on."""
        self._call("xsp3_itfg_stop", card)

    def itfg_start(self, card: int = 0) -> None:
        """Let the generator begin again; frames are counted on."""
        self._call("xsp3_itfg_start", card)


def _require_extra(call: str, name: str, value: int) -> int:
    """Bits beside those that have a field of their own or that only the library may set."""
    extra = require_between(call, name, value, 0, WORD)
    if extra & ~EXTRA_BITS:
        raise ConfigurationError(f"{call}: {name}={extra:#x}, allowed are the bits of {EXTRA_BITS:#x}")
    return extra


def _itfg_words(
    call: str, n_frames: int, collection_ticks: int, trigger: ItfgTrigger, gap: GapMode
) -> tuple[int, int, int, int]:
    """The four values as their registers can hold them; the library would cut them off."""
    n = require_between(call, "n_frames", n_frames, 0, MAX_ITFG_FRAMES)
    ticks = require_between(
        call, "collection_ticks", collection_ticks, MIN_COLLECTION_TICKS, MAX_COLLECTION_TICKS
    )
    waits_for = require_member(call, "trigger", trigger, ItfgTrigger)
    return n, ticks, int(waits_for), int(require_member(call, "gap", gap, GapMode))
