"""Texts that hold what survives a restart."""

from __future__ import annotations

import pytest

from tango_device.memorized import Memorized
from xspress3.errors import ConfigurationError
from xspress3.model import Window
from xspress3.sdk import Roi


def test_values_are_texts_that_people_can_read():
    kept = Memorized(
        {(11, 1): Window(0, 4095), (0, 0): Window(10, 20)}, (Roi(0, 9, 10), Roi(50, 99, 25)), "/data/a b.h5"
    )

    assert kept.texts() == (
        "Window1_Ch0=10 20",
        "Window2_Ch11=0 4095",
        "Regions=0 9 10 50 99 25",
        "DestinationFileName=/data/a%20b.h5",
    )


@pytest.mark.parametrize(
    "kept",
    [
        Memorized(),
        Memorized({(0, 0): Window(10, 20), (3, 1): Window(7, 7)}),
        Memorized(rois=(Roi(0, 9, 10), Roi(50, 99, 25))),
        Memorized(file_name=""),
        Memorized(file_name="/data/=, \"a\" 'b'\\%20 \n#å "),
    ],
)
def test_texts_give_the_values_back(kept):
    assert Memorized.of(kept.texts()) == kept


@pytest.mark.parametrize(
    "text",
    [
        "Window1_Ch0",
        "Window3_Ch0=1 2",
        "Window1_Ch0=1",
        "Window1_Ch0=1 2 3 4",
        "Window1_Ch0=1 -2",
        "Window1_Ch0=5 4",
        "Window1_Ch0=0 4096",
        "Regions=",
        "Regions=1 2",
        "Regions=5 4 1",
        "nTriggers=5",
    ],
)
def test_a_text_that_cannot_be_is_refused(text):
    with pytest.raises(ConfigurationError):
        Memorized.of([text])
