"""Numbers out of a C header of the SDK, and what this package takes them for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum

from xspress3.model import MAX_ITFG_FRAMES, N_BINS, N_SCALERS, SCALER_NAMES, Generation
from xspress3.sdk import constants

_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(.+?)[ \t]*$", re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_ENUM = re.compile(r"\benum\b[^{;]*\{([^}]*)\}")
_WORD = r"-?(?:0[xX][0-9a-fA-F]+|\d+)[uUlL]*"
_VALUE = re.compile(rf"\(*\s*\(*\s*({_WORD})\s*\)*\s*(?:<<\s*\(*\s*({_WORD})\s*\)*)?\s*\)*")


def read_numbers(text: str) -> dict[str, int]:
    """Names with a plain number, of macros and of enums; a number may stand in parentheses or be shifted."""
    text = _COMMENT.sub(" ", text)
    defines = {name: _number(value) for name, value in _DEFINE.findall(text)}
    found = {name: number for name, number in defines.items() if number is not None}
    for body in _ENUM.findall(text):
        found.update(_read_enum(body, found))
    return found


def _read_enum(body: str, known: Mapping[str, int]) -> dict[str, int]:
    """Members of one enum; counting goes on from the last number, and ends at one that is not plain."""
    found: dict[str, int] = {}
    following: int | None = 0
    for member in filter(None, (part.strip() for part in body.split(","))):
        name, _, value = (word.strip() for word in member.partition("="))
        if value:
            following = {**known, **found}.get(value, _number(value))
        if following is None:
            continue
        found[name] = following
        following += 1
    return found


def _number(text: str) -> int | None:
    match = _VALUE.fullmatch(text.strip())
    if match is None:
        return None
    number, shift = (int(word.rstrip("uUlL"), 0) if word else 0 for word in match.groups())
    return number << shift


def _named(prefix: str, kind: type[IntEnum], **other_names: str) -> dict[str, int]:
    """Numbers of an enum of ours by their names in the header: prefix and name, or another one."""
    return {other_names.get(member.name, prefix + member.name): int(member) for member in kind}


_SCALERS = {
    "LIVE_TICKS": "clock_ticks",
    "RESET_TICKS": "reset_ticks",
    "NUM_RESETS": "reset_count",
    "ALL_EVENT": "all_events",
    "ALL_GOOD": "all_good",
    "IN_WINDOW0": "in_window0",
    "IN_WINDOW1": "in_window1",
    "PILEUP": "pileup",
    "TOTAL_TICKS": "total_ticks",
}
_OLD_SCALERS = ("TIME", "RESETTICKS", "RESETCOUNT", "ALLEVENT", "ALLGOOD", "INWINDOW0", "INWINDOW1", "PILEUP")
_ERROR_FLAGS = {
    "Playback": "PLAYBACK_UNDERRUN",
    "Scope": "SCOPE_OVERRUN",
    "HistFramesOverRun": "MINI_HISTOGRAM_OVERRUN",
    "HistFramesMissing": "MINI_HISTOGRAM_BAD",
    "ScalarOverRun": "MINI_SCALER_OVERRUN",
    "ScalarMissing": "MINI_SCALER_BAD",
    "DiagHistOverRun": "DIAG_HISTOGRAM_DROPPED",
    "CircBuffOverRun": "CIRCULAR_OVERRUN",
}
_GENERATIONS = {
    "XspressGen3": Generation.XSPRESS3,
    "XspressGen3V7": Generation.XSPRESS3_V7,
    "XspressGen3Mini": Generation.XSPRESS3_MINI,
    "XspressGen4": Generation.XSPRESS4,
}
_CLOCKS = {
    "MINI_CDCM61004": "XSP3M_CLK_SRC_CDCM61004",
    "MINI_LMK61E2": "XSP3M_CLK_SRC_LMK61E2",
    "MIDPLANE_CDCM61004": "XSP4_CLK_SRC_MIDPLN_CDCM61004",
    "MIDPLANE_LMK61E2": "XSP4_CLK_SRC_MIDPLN_LMK61E2",
}

OURS: dict[str, int] = {
    **{f"XSP_SW_SCALER_{theirs}": SCALER_NAMES.index(ours) for theirs, ours in _SCALERS.items()},
    **{f"XSP3_SCALER_{theirs}": place for place, theirs in enumerate(_OLD_SCALERS)},
    "XSP3_SW_NUM_SCALERS": N_SCALERS,
    "XSP3_BINS_PER_MCA": N_BINS,
    "XSP3_OK": 0,
    **_named("", constants.ErrorCode),
    **_named("XSP3_RUN_FLAGS_", constants.RunFlag),
    **_named("XSP3_GTIMA_SRC_", constants.TimingSource),
    "XSP3_GTIMA_SRC_FIXED": int(constants.TimingSource.SOFTWARE),
    **_named("XSP3_ITFG_TRIG_MODE_", constants.ItfgTrigger),
    **_named(
        "XSP3_ITFG_",
        constants.GapMode,
        **{g.name: f"XSP3_ITFG_GAP_MODE_{g.name[4:]}" for g in constants.GapMode},
    ),
    "XSP3_ITFG_MAX_NUM_FRAMES": MAX_ITFG_FRAMES,
    **_named("XSP3_CLK_SRC_", constants.ClockSource, **_CLOCKS),
    **_named("XSP3_CLK_FLAGS_", constants.ClockFlag),
    **_named("XSP3_SYNC_", constants.SyncMode),
    **_named("XSP3_DTC_", constants.DeadTimeFlag),
    **{f"Xsp3ErrFlag_{theirs}": int(constants.ErrorFlag[ours]) for theirs, ours in _ERROR_FLAGS.items()},
    **{theirs: ours.value for theirs, ours in _GENERATIONS.items()},
    "XSP3_MAX_ROI": constants.MAX_ROIS,
    "XSP3_MAX_BITS_ENG": constants.MAX_ENERGY_BITS,
    "XSP3_MAX_CARD_INDEX": constants.MAX_CARD_INDEX,
}
"""Names as headers have them. One that a build does not have, or spells otherwise, is not compared."""

IN_EVERY_BUILD = (
    *("XSP3_ERROR", "XSP3_RANGE_CHECK", "XSP3_RUN_FLAGS_CIRCULAR_BUFFER", "XSP3_SW_NUM_SCALERS"),
    *("XSP3_GTIMA_SRC_INTERNAL", "XSP3_GTIMA_SRC_TTL_VETO_ONLY", "XSP3_ITFG_TRIG_MODE_HARDWARE"),
    *("XSP3_ITFG_GAP_MODE_1US", "XSP3_CLK_SRC_XTAL", "XSP3_CLK_FLAGS_MASTER", "XspressGen4"),
)
"""Names without which a folder holds no header of the SDK, or one that was not understood."""


def differences(header: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Names for which header and we differ: its number and ours."""
    return {n: (header[n], ours) for n, ours in OURS.items() if n in header and header[n] != ours}


def absent(header: Mapping[str, int]) -> list[str]:
    """Names of `IN_EVERY_BUILD` that were not found."""
    return [name for name in IN_EVERY_BUILD if name not in header]


def write_header(style: str, **changed: int) -> str:
    """A header of our own with all of `OURS`, in the `plain` style of older builds or that in `parentheses`.

    Numbers of enums are written as an enum, flags shifted, the rest as macros.
    """
    values = {**OURS, **changed}
    in_enums = [name for name in values if name.startswith(("Xsp3ErrFlag_", "XspressGen"))]
    lines = [
        f"#define {name}\t\t{_written(value, style)}\t\t//!< {name} in words"
        for name, value in values.items()
        if name not in in_enums
    ]
    members = ",\n\t".join(f"{name}={values[name]:#x}" for name in in_enums)
    return "\n".join(
        [*lines, "#define XSP3_OTHER(x) ((x)<<3)", f"typedef enum {{\n\t{members} /* last */\n}} All;"]
    )


def _written(value: int, style: str) -> str:
    if value > 255 and value & (value - 1) == 0:
        return f"(1<<{value.bit_length() - 1})"
    return f"({value})" if style == "parentheses" else str(value)
