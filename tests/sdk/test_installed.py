"""Our numbers and functions held against an SDK that is installed, where there is one."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import xspress3.sdk
from tests.sdk.headers import absent, differences, read_numbers
from xspress3.sdk import open_library

INCLUDE = os.environ.get("XSPRESS3_SDK_INCLUDE")
LIBRARY = os.environ.get("XSPRESS3_LIBRARY")
ABSENT_IN_SOME_BUILDS: set[str] = set()
"""None of the functions of our table is missing in any build that was looked at."""


@pytest.mark.skipif(INCLUDE is None, reason="XSPRESS3_SDK_INCLUDE names no folder of headers")
def test_our_numbers_are_those_of_the_installed_headers():
    texts = [path.read_text(errors="replace") for path in sorted(Path(INCLUDE).glob("*.h"))]
    header = read_numbers("\n".join(texts))

    assert absent(header) == [], f"in {INCLUDE}"
    assert differences(header) == {}


@pytest.mark.skipif(LIBRARY is None, reason="XSPRESS3_LIBRARY names no library")
def test_every_function_we_declare_is_in_the_installed_library():
    table = (Path(xspress3.sdk.__file__).parent / "_cdef.h").read_text()
    library = open_library(LIBRARY)

    missing = {name for name in re.findall(r"\b(xsp3_\w+)\(", table) if not library.has(name)}

    assert missing <= ABSENT_IN_SOME_BUILDS
