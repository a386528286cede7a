"""Our numbers and functions held against an SDK that is installed, where there is one."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import xspress3.sdk
from xspress3.model import N_BINS, N_SCALERS, SCALER_NAMES
from xspress3.sdk import constants, open_library

NUMBER = re.compile(
    r"^\s*#\s*define\s+(\w+)\s+\(?\s*(-?(?:0[xX][0-9a-fA-F]+|\d+))[uUlL]*\s*\)?\s*(?:/[/*].*)?$"
)
INCLUDE = os.environ.get("XSPRESS3_SDK_INCLUDE")
LIBRARY = os.environ.get("XSPRESS3_LIBRARY")
ABSENT_IN_SOME_BUILDS: set[str] = set()
"""None of the functions of our table is missing in any build that was looked at."""


def read_numbers(text: str) -> dict[str, int]:
    """Plain numbers that a header defines, with or without parentheses."""
    found = (NUMBER.match(line) for line in text.splitlines())
    return {match[1]: int(match[2], 0) for match in found if match}


SCALERS = {
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
"""The vendor's names of the scalers, and ours."""

OURS = {
    **{f"XSP_SW_SCALER_{theirs}": SCALER_NAMES.index(ours) for theirs, ours in SCALERS.items()},
    "XSP3_SW_NUM_SCALERS": N_SCALERS,
    "XSP3_BINS_PER_MCA": N_BINS,
    **{code.name: int(code) for code in constants.ErrorCode},
    **{f"XSP3_RUN_FLAGS_{flag.name}": int(flag) for flag in constants.RunFlag},
    "XSP3_MAX_ROI": constants.MAX_ROIS,
    "XSP3_MAX_BITS_ENG": constants.MAX_ENERGY_BITS,
    "XSP3_MAX_CARD_INDEX": constants.MAX_CARD_INDEX,
}
"""Names of the header that are certain in every build, and what we take them for."""


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("#define XSP3_ERROR -1", -1),
        ("#define XSP3_ERROR (-1)", -1),
        ("#define XSP3_RANGE_CHECK\t-6  /* wrong */", -6),
        ("# define XSP3_RUN_FLAGS_CIRCULAR_BUFFER 0x100", 0x100),
        ("#define XSP3_MAX_ROI 8 // regions", 8),
    ],
)
def test_a_number_is_read_in_each_spelling_of_a_header(line, value):
    assert list(read_numbers(line).values()) == [value]


@pytest.mark.parametrize("line", ["#define XSP3_A(x) (x)", "#define XSP3_B XSP3_C", "int xsp3 = 5;"])
def test_what_is_no_plain_number_is_passed_over(line):
    assert read_numbers(line) == {}


def differences(header: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Names for which header and we differ: its number and ours."""
    return {n: (header[n], ours) for n, ours in OURS.items() if n in header and header[n] != ours}


def test_a_wrong_number_would_be_noticed():
    assert differences({"XSP3_ERROR": -2, "XSP3_OK": 0}) == {"XSP3_ERROR": (-2, -1)}


@pytest.mark.skipif(INCLUDE is None, reason="XSPRESS3_SDK_INCLUDE names no folder of headers")
def test_our_numbers_are_those_of_the_installed_headers():
    texts = [path.read_text(errors="replace") for path in sorted(Path(INCLUDE).glob("*.h"))]
    header = read_numbers("\n".join(texts))

    assert "XSP3_ERROR" in header, f"no header of the SDK in {INCLUDE}"
    assert differences(header) == {}


@pytest.mark.skipif(LIBRARY is None, reason="XSPRESS3_LIBRARY names no library")
def test_every_function_we_declare_is_in_the_installed_library():
    table = (Path(xspress3.sdk.__file__).parent / "_cdef.h").read_text()
    library = open_library(LIBRARY)

    missing = {name for name in re.findall(r"\b(xsp3_\w+)\(", table) if not library.has(name)}

    assert missing <= ABSENT_IN_SOME_BUILDS
